/** Builds elements from the tree of model/markdown.js. */
import { copyText } from "./clipboard.js";
import { COPIED_NOTE_MS } from "../model/limits.js";
import { el, setText } from "./dom.js";

const ELEMENTS = { paragraph: "p", quote: "blockquote", bullets: "ul", item: "li", strong: "strong", em: "em", strike: "s" };

/** @param nodesOfText makes the nodes of a text that is no link's: with links and mentions in it */
export function nodesOfTree(tree, nodesOfText) {
  return tree.flatMap((node) => nodesOf(node, nodesOfText));
}

function nodesOf(node, nodesOfText) {
  const { kind, text, children } = node;
  if (kind === "text") return nodesOfText(text);
  if (kind === "code") return [el("code", {}, text)];
  if (kind === "block") return [codeBlock(text)];
  if (kind === "link") return linkNodes(node);
  const inner = nodesOfTree(children, nodesOfText);
  if (kind === "numbers") return [el("ol", { start: node.start }, ...inner)];
  return [el(ELEMENTS[kind], kind === "paragraph" || kind === "item" ? { dir: "auto" } : {}, ...inner)];
}

/** A link says where it leads, whatever its text pretends; one that leads nowhere is as it was written. */
function linkNodes({ href, written, children }) {
  const words = nodesOfTree(children, (text) => [text]);
  if (!href) return [...words, ` (${written})`];
  const link = webLink(href, ...words);
  return [link, el("span", { class: "link-host" }, ` (${new URL(href).host})`)];
}

/** Make a link that gives nothing of this page away. */
export function webLink(href, ...words) {
  return el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, ...words);
}

/** Code scrolls by itself, also by keys, and is copied as a whole. */
function codeBlock(text) {
  const button = el("button", { class: "text-button", type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    setText(button, (await copyText(text)) ? "Copied" : "Not copied");
    setTimeout(() => setText(button, "Copy"), COPIED_NOTE_MS);
  });
  const code = el("pre", { tabindex: "0", role: "group", "aria-label": "Code" }, el("code", { dir: "ltr" }, text));
  return el("div", { class: "code-block" }, code, button);
}
