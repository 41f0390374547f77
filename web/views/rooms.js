/** The list of conversations, the latest first, and the form that joins another room. */
import { entriesOf } from "../model/entries.js";
import { byId, el, setText } from "./dom.js";
import { bindButton, bindForm } from "./form.js";
import { listTime } from "./formats.js";
import { KeyedList } from "./keyed.js";

/** @param actions `enter(key)`; `join(room)` promises, `joined()` is called after it; `draftIn(key)` */
export function mountRooms(chat, avatars, actions) {
  const around = { chat, avatars, actions };
  const list = new KeyedList(byId("rooms"), (entry) => entry.key, (entry) => conversationRow(entry, around));
  const join = async (room) => {
    await actions.join(room);
    actions.joined();
  };
  bindForm(byId("join-form"), byId("join-result"), { busy: "Joining…", run: join, done: () => "" });
  bindButton(byId("join-here"), byId("join-here-result"), () => actions.join(chat.activeRoom));
  return function render() {
    list.show(entriesOf(chat, actions.draftIn));
  };
}

function conversationRow({ key, peerId }, { chat, avatars, actions }) {
  const name = el("bdi", { class: "room-name" });
  const time = el("time", { class: "room-time" });
  const line = el("span", { class: "room-line" });
  const unread = el("span", { class: "unread" });
  const sign = el("span", { class: peerId ? "room-picture" : "room-sign", "aria-hidden": "true" }, peerId ? "" : "#");
  const button = el("button", { class: "room", type: "button" }, sign, name, time, line, unread);
  button.title = peerId ?? key;
  button.addEventListener("click", () => actions.enter(key));
  return { element: el("li", {}, button), update: (entry) => {
    setText(name, peerId ? chat.nameOf(peerId) : key);
    if (peerId) avatars.showIn(sign, peerId);
    showEntry(entry, { chat, button, time, line, unread });
  } };
}

function showEntry(entry, { chat, button, time, line, unread }) {
  if (entry.isActive) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  button.dataset.state = entry.isJoined ? "joined" : "left";
  setText(time, entry.time ? listTime(new Date(entry.time)) : "");
  line.dataset.kind = entry.line.kind;
  line.replaceChildren(...lineNodes(entry, chat));
  unread.hidden = entry.unread === 0;
  const number = entry.unread > 99 ? "99+" : String(entry.unread);
  setText(unread, entry.mentions > 0 ? `@${number}` : number);
  unread.setAttribute("aria-label", `${entry.unread} unread${entry.mentions > 0 ? ", you are mentioned" : ""}`);
}

function lineNodes({ line: { kind, author, text }, isJoined }, chat) {
  if (!isJoined) return ["Not joined"];
  if (kind === "empty") return ["Nothing here yet"];
  const who = { draft: "Draft", own: "You" }[kind] ?? chat.nameOf(author);
  return [el("bdi", { class: "room-line-who" }, who), ": ", el("bdi", {}, text)];
}
