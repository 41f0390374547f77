/**
 * Reads the simple Markdown of a message into a tree of plain facts, which a view turns
 * into elements: no string of markup is ever made, so none has to be cleaned.
 *
 * A text without any markup is null here and is shown exactly as it was written.
 */
import "../vendor/markdown-it/markdown-it.min.js";
import { hrefOf } from "./links.js";

const RULES = ["fence", "blockquote", "list", "newline", "escape", "backticks", "strikethrough", "emphasis", "link"];
const parser = globalThis.markdownit("zero", { html: false, linkify: false, typographer: false }).enable(RULES);

/** Without one of these a text has no markup, and is not parsed. */
const MAY_HAVE_MARKUP = /[*_~`[\\]|^ {0,3}(?:>|[-+*] |\d{1,9}[.)] )/m;
const KINDS = {
  paragraph_open: "paragraph",
  blockquote_open: "quote",
  bullet_list_open: "bullets",
  ordered_list_open: "numbers",
  list_item_open: "item",
  strong_open: "strong",
  em_open: "em",
  s_open: "strike",
  link_open: "link",
};

/**
 * Return the tree, a list of nodes `{kind, children}`, `{kind: "text" or "code" or
 * "block", text}`; a quote's, list's and link's node has `children`, a link's also
 * `href`, or `written` where it leads to nothing that may be opened.
 */
export function treeOfMarkdown(text) {
  if (!MAY_HAVE_MARKUP.test(text)) return null;
  const tokens = parser.parse(text, {});
  return hasMarkup(tokens) ? treeOf(tokens) : null;
}

function hasMarkup(tokens) {
  return tokens.some(({ type, children }) => !PLAIN.has(type) || (children !== null && hasMarkup(children)));
}

const PLAIN = new Set(["paragraph_open", "paragraph_close", "inline", "text", "softbreak", "hardbreak"]);

function treeOf(tokens) {
  const root = { children: [] };
  const open = [root];
  for (const token of tokens) {
    const parent = open[open.length - 1];
    if (token.nesting < 0) open.pop();
    else if (token.nesting > 0) {
      const node = { kind: KINDS[token.type], ...detailsOf(token), children: [] };
      parent.children.push(node);
      open.push(node);
    } else parent.children.push(...leavesOf(token));
  }
  return root.children;
}

function leavesOf({ type, content, info, children }) {
  if (type === "inline") return treeOf(children);
  if (type === "fence") return [{ kind: "block", text: content.replace(/\n$/, ""), language: info.trim().split(/\s/)[0] }];
  if (type === "code_inline") return [{ kind: "code", text: content }];
  if (type === "softbreak" || type === "hardbreak") return [{ kind: "text", text: "\n" }];
  return content ? [{ kind: "text", text: content }] : [];
}

function detailsOf(token) {
  if (token.type === "ordered_list_open") return { start: Number(token.attrGet("start") ?? 1) };
  if (token.type !== "link_open") return {};
  const written = token.attrGet("href");
  return { href: hrefOf(written), written };
}
