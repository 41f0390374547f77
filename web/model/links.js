/** Finds the web addresses in a text. Only http and https are ever links. */

/** No blanks, quotes, angle brackets, controls or marks that change direction. */
const CANDIDATE =
  // eslint-disable-next-line no-control-regex
  /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/giu;
const TRAILING = ".,;:!?…*_~";
const BRACKETS = ["()", "[]", "{}"];
const MAX_LINK_CHARACTERS = 2_048;

/** Cut a text into parts: `{text}` or `{text, href}`; together they are the text. */
export function partsOf(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const shown = match[0].length > MAX_LINK_CHARACTERS ? "" : withoutTail(match[0]);
    const href = hrefOf(shown);
    if (!href) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** Leave out punctuation, and closing brackets that were opened before it. */
function withoutTail(candidate) {
  const surplus = Object.fromEntries(BRACKETS.map((pair) => [pair[1], surplusOf(candidate, pair)]));
  let end = candidate.length;
  for (; end > 0; end -= 1) {
    const last = candidate[end - 1];
    if (surplus[last] > 0) surplus[last] -= 1;
    else if (!TRAILING.includes(last)) break;
  }
  return candidate.slice(0, end);
}

function surplusOf(candidate, [opening, closing]) {
  return candidate.split(closing).length - candidate.split(opening).length;
}

function hrefOf(shown) {
  if (!URL.canParse(shown)) return null;
  const url = new URL(shown);
  const isWeb = url.protocol === "http:" || url.protocol === "https:";
  return isWeb && url.hostname && !url.username && !url.password ? url.href : null;
}
