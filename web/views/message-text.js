/** The text of a message: links made clickable, long ones folded. */
import { FOLD_CHARACTERS, FOLD_LINES } from "../model/limits.js";
import { firstParts, partsOf } from "../model/links.js";
import { el } from "./dom.js";
import { number } from "./formats.js";

export function messageText(message) {
  const { text } = message;
  if (text === null) return el("p", { class: "text binary" }, `Not text: ${number(message.byteCount)} bytes`);
  const foldAt = foldedLength(text);
  return foldAt === text.length ? textBlock(partsOf(text)) : foldable(text, foldAt);
}

function foldable(text, foldAt) {
  const parts = partsOf(text);
  const folded = () => textBlock([...firstParts(parts, foldAt), { text: "…" }]);
  const block = el("div", { class: "foldable" }, folded());
  const button = el("button", { class: "fold-button", type: "button", "aria-expanded": "false" });
  button.textContent = `Show all ${number(text.length)} characters`;
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    block.firstChild.replaceWith(isOpen ? folded() : textBlock(parts));
    button.setAttribute("aria-expanded", String(!isOpen));
    button.textContent = isOpen ? `Show all ${number(text.length)} characters` : "Show less";
  });
  block.append(button);
  return block;
}

function textBlock(parts) {
  return el("p", { class: "text", dir: "auto" }, ...parts.map(nodeFromPart));
}

function nodeFromPart({ text, href }) {
  if (!href) return text;
  return el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, text);
}

function foldedLength(text) {
  let end = Math.min(text.length, FOLD_CHARACTERS);
  let lineEnd = -1;
  for (let line = 0; line < FOLD_LINES; line += 1) {
    lineEnd = text.indexOf("\n", lineEnd + 1);
    if (lineEnd === -1) break;
  }
  if (lineEnd !== -1) end = Math.min(end, lineEnd);
  const isInPair = end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? "");
  return isInPair ? end - 1 : end;
}
