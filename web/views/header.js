/** The top of the conversation, its menu and the page's title. */
import { unreadIn } from "../model/entries.js";
import { linkOf } from "../model/connections.js";
import { peerOfKey } from "../model/places.js";
import { byId, setText } from "./dom.js";
import { count } from "./formats.js";
import { bindMenu } from "./menu.js";

/** @param actions `leave(room)` promises */
export function mountHeader(chat, actions) {
  bindMenu(byId("room-menu-button"), byId("room-menu"));
  byId("leave-room").addEventListener("click", () => actions.leave(chat.activeRoom));
  return function render() {
    const name = chat.titleOf(chat.activeRoom);
    setText(byId("room-title"), name);
    byId("room-title").title = name;
    setText(byId("room-subtitle"), subtitleOf(chat));
    byId("room-subtitle").dataset.state = chat.isReady ? "ready" : "away";
    byId("room-menu-button").hidden = !chat.isReady || !chat.rooms.includes(chat.activeRoom);
    const unread = unreadIn(chat);
    const title = `${unread > 0 ? `(${unread}) ` : ""}${name} · wsp`;
    if (document.title !== title) document.title = title;
  };
}

function subtitleOf(chat) {
  if (!chat.isReady) return chat.node || chat.nodeState === "away" ? "Away" : "Connecting…";
  if (!chat.isJoined(chat.activeRoom)) return "You are not in this room";
  if (peerOfKey(chat.activeRoom)) return directSubtitle(chat);
  const others = chat.peers.in(chat.activeRoom).length;
  return others === 0 ? "Nobody else is here yet" : `You and ${count(others, "other")}`;
}

function directSubtitle(chat) {
  const [peer] = chat.peersIn(chat.activeRoom);
  return peer ? `Connected${peer.connection ? `: ${linkOf(peer.connection).words}` : ""}` : "Not connected now";
}
