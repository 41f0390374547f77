/** Cuts a text that is too long for one message: between paragraphs, lines or words. */

const ENCODER = new TextEncoder();
const BREAKS = [/\n\s*\n/g, /\n/g, /\s/g];

/** Return the parts in order; each has at most `maxBytes` of UTF-8, which is at least 4. */
export function splitText(text, maxBytes) {
  const parts = [];
  let rest = text.trim();
  while (ENCODER.encode(rest).length > maxBytes) {
    const part = rest.slice(0, cutOf(fitting(rest, maxBytes)));
    parts.push(part.trim());
    rest = rest.slice(part.length).trim();
  }
  return [...parts, rest].filter(Boolean);
}

/** Return as much of the beginning as fits, in whole characters. */
function fitting(text, maxBytes) {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += ENCODER.encode(character).length;
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** Where to cut: at the last break of the best kind in the second half. */
function cutOf(text) {
  for (const pattern of BREAKS) {
    const last = [...text.matchAll(pattern)].pop();
    if (last && last.index >= text.length / 2) return last.index + last[0].length;
  }
  return text.length;
}
