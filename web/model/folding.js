/** How much of a long message is shown at first. Pure. */
import { FOLD_CHARACTERS, FOLD_LINES } from "./limits.js";

/** Return how many characters are shown; all of them where the text is short enough. */
export function foldedLength(text) {
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
