/** The text of a message: links made clickable, long ones folded. */
import { FOLD_CHARACTERS, FOLD_LINES } from "../limits.js";
import { partsOf } from "../model/links.js";
import { el } from "./dom.js";
import { number } from "./formats.js";

export function messageText(message) {
  if (message.text === null) {
    return el("p", { class: "text binary" }, `Not text: ${number(message.byteCount)} bytes`);
  }
  const folded = foldedText(message.text);
  if (folded === message.text) return textBlock(message.text, false);
  return foldable(message.text, folded);
}

function foldable(text, folded) {
  const block = el("div", { class: "foldable" }, textBlock(folded, true));
  const button = el("button", { class: "fold-button", type: "button", "aria-expanded": "false" });
  button.textContent = `Show all ${number(text.length)} characters`;
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    block.firstChild.replaceWith(isOpen ? textBlock(folded, true) : textBlock(text, false));
    button.setAttribute("aria-expanded", String(!isOpen));
    button.textContent = isOpen ? `Show all ${number(text.length)} characters` : "Show less";
  });
  block.append(button);
  return block;
}

function textBlock(text, isCut) {
  const parts = partsOf(text);
  const last = parts.at(-1);
  if (isCut && last?.href) delete last.href;
  const block = el("p", { class: "text", dir: "auto" }, ...parts.map(nodeFromPart));
  if (isCut) block.append("…");
  return block;
}

function nodeFromPart({ text, href }) {
  if (!href) return text;
  return el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, text);
}

function foldedText(text) {
  let end = Math.min(text.length, FOLD_CHARACTERS);
  let lineEnd = -1;
  for (let line = 0; line < FOLD_LINES; line += 1) {
    lineEnd = text.indexOf("\n", lineEnd + 1);
    if (lineEnd === -1) break;
  }
  if (lineEnd !== -1) end = Math.min(end, lineEnd);
  const isInPair = end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? "");
  return text.slice(0, isInPair ? end - 1 : end);
}
