/** The text of a message: Markdown, links, mentions and large emoji; long ones folded. */
import { isEmojiAlone } from "../model/emoji.js";
import { foldedLength } from "../model/folding.js";
import { firstParts, partsOf } from "../model/links.js";
import { treeOfMarkdown } from "../model/markdown.js";
import { mentionParts } from "../model/mentions.js";
import { el } from "./dom.js";
import { number } from "./formats.js";
import { nodesOfTree, webLink } from "./markdown.js";

/** @param names by which the person at this page is mentioned */
export function messageText({ text, byteCount }, names = []) {
  if (text === null) return el("p", { class: "text binary" }, `Not text: ${number(byteCount)} bytes`);
  if (isEmojiAlone(text)) return el("p", { class: "text emoji", dir: "auto" }, text);
  const foldAt = foldedLength(text);
  return foldAt === text.length ? wholeText(text, names) : foldable(text, foldAt, names);
}

function foldable(text, foldAt, names) {
  const folded = () => firstOf(text, foldAt, names);
  const block = el("div", { class: "foldable" }, folded());
  const button = el("button", { class: "fold-button", type: "button", "aria-expanded": "false" });
  button.textContent = `Show all ${number(text.length)} characters`;
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    block.firstChild.replaceWith(isOpen ? folded() : wholeText(text, names));
    button.setAttribute("aria-expanded", String(!isOpen));
    button.textContent = isOpen ? `Show all ${number(text.length)} characters` : "Show less";
  });
  block.append(button);
  return block;
}

function wholeText(text, names) {
  const tree = treeOfMarkdown(text);
  return tree ? richText(tree, names) : plainText(partsOf(text), names);
}

/** A link that the fold cuts is no link. */
function firstOf(text, foldAt, names) {
  const first = firstParts(partsOf(text), foldAt);
  const tree = treeOfMarkdown(text.slice(0, foldAt).replace(/https?:\/\/\S*$/i, ""));
  return tree ? richText([...tree, { kind: "text", text: "…" }], names) : plainText([...first, { text: "…" }], names);
}

function richText(tree, names) {
  return el("div", { class: "text markdown", dir: "auto" }, ...nodesOfTree(tree, (text) => nodesOfParts(partsOf(text), names)));
}

function plainText(parts, names) {
  return el("p", { class: "text", dir: "auto" }, ...nodesOfParts(parts, names));
}

function nodesOfParts(parts, names) {
  return parts.flatMap(({ text, href }) => (href ? [webLink(href, text)] : nodesOfText(text, names)));
}

function nodesOfText(text, names) {
  return mentionParts(text, names).map((part) => (part.isMention ? el("mark", { class: "mention" }, part.text) : part.text));
}
