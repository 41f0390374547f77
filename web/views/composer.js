/** Where messages are written. Enter sends, Shift+Enter makes a new line; see also input-method.js. */
import { DEFAULT_MAX_MESSAGE_BYTES } from "../model/limits.js";
import { splitText } from "../model/splitting.js";
import { byId, setText } from "./dom.js";
import { count, number } from "./formats.js";

const ENCODER = new TextEncoder();
/** From this part of the limit on, what is left of it is shown. */
const TELL_FROM = 0.8;

/**
 * @param drafts what is written and not sent, by room
 * @param send sends texts to the room in which they were written; promises where it joins that first
 * @returns `render()`; `showDraft()` for when another tab removed it; `put(start, end, text)`
 */
export function mountComposer(chat, drafts, send) {
  const text = byId("composer-text");
  let room = null;
  const changed = () => {
    resize(text);
    showRoomLeft(chat, text);
  };
  const clear = (sentFrom) => {
    drafts.clear(sentFrom);
    if (sentFrom === (room ?? chat.activeRoom)) text.value = "";
    changed();
    text.focus();
  };
  const sendAll = (parts) => {
    const to = room ?? chat.activeRoom;
    const joining = send(parts, to);
    if (joining) joining.then(() => clear(to), ({ message }) => setText(byId("composer-note"), message));
    else clear(to);
  };
  const submit = (event) => {
    event.preventDefault();
    if (text.value.trim() && leftOf(chat, text.value) >= 0) sendAll([text.value]);
  };
  const showDraft = () => {
    text.value = drafts.textIn(room);
    changed();
  };
  const turnTo = (next) => {
    const typedEarly = room === null ? text.value : "";
    room = next;
    if (typedEarly) drafts.update(room, drafts.textIn(room) + typedEarly);
    showDraft();
  };
  text.addEventListener("input", () => {
    drafts.update(room ?? chat.activeRoom, text.value);
    changed();
  });
  byId("composer-split").addEventListener("click", () => sendAll(splitText(text.value, mostOf(chat))));
  bindKeys(text, submit);
  const render = () => {
    if (room !== chat.activeRoom) turnTo(chat.activeRoom);
    showWhetherJoined(chat.isJoined(room));
  };
  return { render, showDraft, put: writerOf(text) };
}

/** Give `put(start, end, added)`: what is written in the place of a part, as if it was typed there. */
function writerOf(text) {
  return function put(start, end, added) {
    text.value = text.value.slice(0, start) + added + text.value.slice(end);
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus();
    text.setSelectionRange(start + added.length, start + added.length);
  };
}

function showWhetherJoined(isJoined) {
  byId("join-bar").hidden = isJoined;
  byId("send").setAttribute("aria-label", isJoined ? "Send" : "Join and send");
  byId("composer-text").setAttribute("placeholder", isJoined ? "Write a message" : "Write, join and send");
}

function bindKeys(text, submit) {
  byId("composer").addEventListener("submit", submit);
  text.addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && submit(event));
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    text.focus();
  });
}

function resize(text) {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

function mostOf(chat) {
  return chat.node?.max_message_bytes || DEFAULT_MAX_MESSAGE_BYTES;
}

function leftOf(chat, text) {
  return mostOf(chat) - ENCODER.encode(text).length;
}

function showRoomLeft(chat, text) {
  const left = leftOf(chat, text.value);
  const isTold = left < mostOf(chat) * (1 - TELL_FROM);
  const words = left < 0 ? `${number(-left)} bytes too long` : `${number(left)} bytes left`;
  setText(byId("composer-note"), isTold ? words : "");
  text.setAttribute("aria-invalid", String(left < 0));
  const split = byId("composer-split");
  split.hidden = left >= 0;
  if (left < 0) setText(split, `Send as ${count(splitText(text.value, mostOf(chat)).length, "message")}`);
}
