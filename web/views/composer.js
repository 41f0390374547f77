/** Where messages are written. Enter sends, Shift+Enter makes a new line; see also input-method.js. */
import { DEFAULT_MAX_MESSAGE_BYTES } from "../model/limits.js";
import { byId, setText } from "./dom.js";
import { number } from "./formats.js";

const ENCODER = new TextEncoder();
/** From this part of the limit on, what is left of it is shown. */
const TELL_FROM = 0.8;

/**
 * @param drafts what is written and not sent, by room
 * @param send sends a text to the room in which it was written
 * @returns `render()`, and `showDraft()` for when another tab removed it
 */
export function mountComposer(chat, drafts, send) {
  const form = byId("composer");
  const text = byId("composer-text");
  let room = null;
  const changed = () => {
    resize(text);
    showRoomLeft(chat, text);
  };
  const submit = (event) => {
    event.preventDefault();
    if (!text.value.trim() || leftOf(chat, text.value) < 0) return;
    send(text.value, room ?? chat.activeRoom);
    text.value = "";
    drafts.clear(room ?? chat.activeRoom);
    changed();
    text.focus();
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
  form.addEventListener("submit", submit);
  text.addEventListener("input", () => {
    drafts.update(room ?? chat.activeRoom, text.value);
    changed();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) submit(event);
  });
  bindSkipLink(text);
  const render = () => {
    if (room !== chat.activeRoom) turnTo(chat.activeRoom);
    const isJoined = !chat.node || chat.rooms.includes(room);
    form.hidden = !isJoined;
    byId("join-bar").hidden = isJoined;
    text.placeholder = `Write to ${room}`;
  };
  return { render, showDraft };
}

function bindSkipLink(text) {
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
}
