/** Who is in the room, and who else is connected; while the node is away, who was. */
import { linkOf } from "../model/connections.js";
import { peerOfKey } from "../model/places.js";
import { byId, el, setText } from "./dom.js";
import { clockTime } from "./formats.js";
import { KeyedList } from "./keyed.js";

/** @param show shows the card of a person, by the peer id */
export function mountPeers(chat, avatars, show) {
  const make = (peer) => peerRow(peer, { chat, avatars, show });
  const here = new KeyedList(byId("peers-here"), keyOf, make);
  const elsewhere = new KeyedList(byId("peers-elsewhere"), keyOf, make);
  return function render() {
    const me = chat.node && { ...chat.node, isMe: true };
    const present = chat.peersIn(chat.activeRoom);
    here.show([...(me ? [me] : []), ...present]);
    const others = chat.peers.all.filter((peer) => !present.includes(peer));
    elsewhere.show(others);
    setText(byId("here-title"), peerOfKey(chat.activeRoom) ? "In this conversation" : "In this room");
    setText(byId("elsewhere-title"), peerOfKey(chat.activeRoom) ? "Connected as well" : "Connected, not in this room");
    byId("peers-elsewhere-section").hidden = others.length === 0;
    const isOld = chat.awaySince > 0 && chat.node !== null;
    byId("peers").dataset.state = isOld ? "old" : "current";
    byId("peers-old").hidden = !isOld;
    setText(byId("peers-old"), isOld ? `The node is away. This is how it was at ${clockTime(new Date(chat.awaySince))}.` : "");
  };
}

function keyOf(peer) {
  return peer.peer_id;
}

function peerRow(peer, { chat, avatars, show }) {
  const picture = el("span", { class: "peer-picture", "aria-hidden": "true" });
  const name = el("bdi", { class: "peer-name" });
  const line = el("span", { class: "peer-line" });
  const button = el("button", { class: "peer", type: "button" }, picture, name, line);
  button.addEventListener("click", () => show(peer.peer_id));
  return {
    element: el("li", {}, button),
    update(next) {
      setText(name, next.isMe ? `${chat.nameOf(next.peer_id)} (you)` : chat.nameOf(next.peer_id));
      avatars.showIn(picture, next.peer_id);
      const { kind, words } = next.isMe ? { kind: "me", words: "This node" } : linkOf(next.connection);
      setText(line, words);
      line.dataset.kind = kind;
    },
  };
}
