/** Where messages are written. Enter sends, Shift+Enter makes a new line; see also input-method.js. */
import { DEFAULT_MAX_MESSAGE_BYTES } from "../limits.js";
import { byId, setText } from "./dom.js";
import { number } from "./formats.js";

const ENCODER = new TextEncoder();
/** From this part of the limit on, what is left of it is told. */
const TELL_FROM = 0.8;

/** @param send takes the text of a message */
export function mountComposer(chat, send) {
  const form = byId("composer");
  const text = byId("composer-text");
  const resize = () => {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  };
  const submit = (event) => {
    event.preventDefault();
    if (!text.value.trim() || leftOf(chat, text.value) < 0) return;
    send(text.value);
    text.value = "";
    changed();
    text.focus();
  };
  const changed = () => {
    resize();
    showRoomLeft(chat, text);
  };
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    text.focus();
  });
  form.addEventListener("submit", submit);
  text.addEventListener("input", changed);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) submit(event);
  });
  return function render() {
    const isJoined = !chat.node || chat.rooms.includes(chat.activeRoom);
    form.hidden = !isJoined;
    byId("join-bar").hidden = isJoined;
    text.placeholder = `Write to ${chat.activeRoom}`;
  };
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
