/** The top of the conversation, its menu and the page's title. */
import { unreadIn } from "../model/entries.js";
import { byId, setText } from "./dom.js";
import { count } from "./formats.js";
import { bindMenu } from "./menu.js";

/** @param actions `leave(room)` promises */
export function mountHeader(chat, actions) {
  bindMenu(byId("room-menu-button"), byId("room-menu"));
  byId("leave-room").addEventListener("click", () => actions.leave(chat.activeRoom));
  return function render() {
    setText(byId("room-title"), chat.activeRoom);
    byId("room-title").title = chat.activeRoom;
    setText(byId("room-subtitle"), subtitleOf(chat));
    byId("room-subtitle").dataset.state = chat.isReady ? "ready" : "away";
    byId("room-menu-button").hidden = !chat.isReady || !chat.rooms.includes(chat.activeRoom);
    const unread = unreadIn(chat);
    const title = `${unread > 0 ? `(${unread}) ` : ""}${chat.activeRoom} · wsp`;
    if (document.title !== title) document.title = title;
  };
}

function subtitleOf(chat) {
  if (!chat.isReady) return chat.node || chat.nodeState === "away" ? "Away" : "Connecting…";
  if (!chat.isJoined(chat.activeRoom)) return "You are not in this room";
  const others = chat.peers.in(chat.activeRoom).length;
  return others === 0 ? "Nobody else is here yet" : `You and ${count(others, "other")}`;
}
