/** Finds the web addresses in a text. Only http and https are ever links. */
import { urlFromText } from "./text.js";
import { linkEnd } from "./link-end.js";

const START = /https?:\/\//giu;
const WORD = /[a-z0-9]/i;
const MAX_LINK_CHARACTERS = 2_048;

/** Cut a text into parts: `{text}` or `{text, href}`; together they are the text. */
export function partsOf(text) {
  const parts = [];
  let end = 0;
  START.lastIndex = 0;
  for (let match = START.exec(text); match; match = START.exec(text)) {
    const { index } = match;
    if (index > 0 && WORD.test(text[index - 1])) continue;
    const candidateEnd = linkEnd(text, index + match[0].length);
    START.lastIndex = candidateEnd;
    const shown = text.slice(index, candidateEnd);
    const href = shown.length > MAX_LINK_CHARACTERS ? null : hrefOf(shown);
    if (!href) continue;
    if (index > end) parts.push({ text: text.slice(end, index) });
    parts.push({ text: shown, href });
    end = candidateEnd;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** Cut parts so that together they are the first characters; a link that is cut is no link. */
export function firstParts(parts, length) {
  const first = [];
  let left = length;
  for (const part of parts) {
    if (left <= 0) break;
    first.push(part.text.length > left ? { text: part.text.slice(0, left) } : part);
    left -= part.text.length;
  }
  return first;
}

/**
 * Return the address that a text leads to, or null. An address with a name or password
 * shows another host than it leads to, so it is no link.
 */
export function hrefOf(shown) {
  const url = urlFromText(shown);
  if (!url) return null;
  const isWeb = url.protocol === "http:" || url.protocol === "https:";
  return isWeb && url.hostname && !url.username && !url.password ? url.href : null;
}
