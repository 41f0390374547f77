/** Who is in the room, and who else is connected. */
import { shortId } from "../model/author.js";
import { byId, el, setText } from "./dom.js";
import { milliseconds } from "./formats.js";
import { identicon } from "./identicon.js";
import { KeyedList } from "./keyed.js";

const MAX_AGENT_CHARACTERS = 120;

export function mountPeers(chat) {
  const here = new KeyedList(byId("peers-here"), keyOf, peerRow);
  const elsewhere = new KeyedList(byId("peers-elsewhere"), keyOf, peerRow);
  return function render() {
    const me = chat.node && { ...chat.node, isMe: true };
    here.show([...(me ? [me] : []), ...chat.peers.in(chat.activeRoom)]);
    const others = chat.peers.notIn(chat.activeRoom);
    elsewhere.show(others);
    byId("peers-elsewhere-section").hidden = others.length === 0;
  };
}

/** What the connection to a peer is, in a few words. */
export function connectionText({ connection }) {
  if (!connection) return "";
  const { kind, transport, round_trip_ms: roundTripMs } = connection;
  const roundTrip = roundTripMs === null ? "" : milliseconds(roundTripMs);
  return [kind === "relayed" ? "relayed" : "", transport, roundTrip].filter(Boolean).join(" · ");
}

function keyOf(peer) {
  return peer.peer_id;
}

function peerRow(peer) {
  const name = el("span", { class: "peer-name" });
  const line = el("span", { class: "peer-line" });
  const facts = el("dl", { class: "peer-facts" });
  const summary = el("summary", {}, identicon(peer.peer_id), name, line);
  const element = el("li", { class: "peer" }, el("details", {}, summary, facts));
  return {
    element,
    update(next) {
      setText(name, next.isMe ? `${shortId(next.peer_id)} (you)` : shortId(next.peer_id));
      setText(line, next.isMe ? "this node" : connectionText(next));
      facts.replaceChildren(...factsOf(next));
    },
  };
}

function factsOf({ peer_id: id, agent, connection, isMe }) {
  const facts = [["Peer id", id], ["Program", agent?.slice(0, MAX_AGENT_CHARACTERS)]];
  if (!isMe) facts.push(["Address", connection?.remote_address]);
  return facts
    .filter(([, value]) => value)
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]);
}
