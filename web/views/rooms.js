/** The rooms of the node: choose one, join another, leave one. */
import { byId, el, setText } from "./dom.js";
import { count } from "./formats.js";
import { KeyedList } from "./keyed.js";
import { bindButton, bindForm } from "./form.js";

/** @param actions `enter(room)`; `join(room)` and `leave(room)` promise */
export function mountRooms(chat, actions) {
  const list = new KeyedList(byId("rooms"), (room) => room, (room) => roomRow(chat, room, actions));
  const result = byId("join-result");
  const words = { busy: "Joining…", run: (room) => actions.join(room), done: () => "" };
  bindForm(byId("join-form"), result, words);
  bindButton(byId("join-here"), result, () => actions.join(chat.activeRoom));
  bindButton(byId("leave-room"), result, () => actions.leave(chat.activeRoom));
  return function render() {
    const isListed = !chat.node || chat.rooms.includes(chat.activeRoom);
    list.show(isListed ? [...chat.rooms] : [...chat.rooms, chat.activeRoom]);
  };
}

function roomRow(chat, room, actions) {
  const unread = el("span", { class: "unread" });
  const here = el("span", { class: "room-count" });
  const button = el(
    "button",
    { class: "room", type: "button" },
    el("span", { class: "room-sign", "aria-hidden": "true" }, "#"),
    el("bdi", { class: "room-name" }, room),
    here,
    unread,
  );
  button.addEventListener("click", () => actions.enter(room));
  return { element: el("li", {}, button), update: () => showRoom(chat, room, { button, unread, here }) };
}

function showRoom(chat, room, { button, unread, here }) {
  const isActive = room === chat.activeRoom;
  const unreadCount = chat.conversation(room).unread;
  const peerCount = chat.peers.in(room).length;
  if (isActive) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  unread.hidden = unreadCount === 0;
  setText(unread, unreadCount > 99 ? "99+" : String(unreadCount));
  unread.setAttribute("aria-label", `${unreadCount} unread`);
  setText(here, unreadCount === 0 && peerCount > 0 ? String(peerCount) : "");
  here.title = count(peerCount, "other");
}
