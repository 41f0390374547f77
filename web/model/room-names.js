/** The rule of a room's name, with the words of the node, which has the last one. */

const MAX_BYTES = 256;
/** Control characters; direction embeddings, overrides and isolates; lone surrogates. */
const REFUSED =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|[\ud800-\udbff][\udc00-\udfff]|[\udc00-\udfff]/g;
const PAIR_LENGTH = 2;
/** Unicode's property White_Space. */
const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Return what is wrong with a room's name, or null. */
export function flawOfRoomName(name) {
  if (new TextEncoder().encode(name).length > MAX_BYTES) return `room name is over ${MAX_BYTES} bytes of UTF-8`;
  if (WHITE_SPACE.test(name[0] ?? "")) return `room name starts with white space (${codePoint(name[0])})`;
  const last = name[name.length - 1] ?? "";
  if (WHITE_SPACE.test(last)) return `room name ends with white space (${codePoint(last)})`;
  const refused = (name.match(REFUSED) ?? []).find((found) => found.length < PAIR_LENGTH);
  return refused === undefined ? null : `room name contains ${kindOf(refused)} (${codePoint(refused)})`;
}

function kindOf(character) {
  if (character >= "\ud800" && character <= "\udfff") return "a lone surrogate";
  return character > "\u2000" ? "a direction override" : "a control character";
}

function codePoint(character) {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}
