/** The top of the conversation and the page's title. */
import { byId, setText } from "./dom.js";
import { count } from "./formats.js";

export function mountHeader(chat) {
  return function render() {
    setText(byId("room-title"), chat.activeRoom);
    setText(byId("room-subtitle"), subtitleOf(chat));
    byId("room-subtitle").dataset.state = chat.isReady ? "ready" : "away";
    byId("leave-room").hidden = !chat.isReady || !chat.rooms.includes(chat.activeRoom);
    const unread = chat.rooms.reduce((sum, room) => sum + chat.conversation(room).unread, 0);
    const title = `${unread > 0 ? `(${unread}) ` : ""}${chat.activeRoom} · wsp`;
    if (document.title !== title) document.title = title;
  };
}

function subtitleOf(chat) {
  if (!chat.node) return "Connecting…";
  if (!chat.isReady) return "Away";
  const others = chat.peers.in(chat.activeRoom).length;
  return others === 0 ? "Nobody else is here yet" : `You and ${count(others, "other")}`;
}
