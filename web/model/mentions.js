/**
 * Mentions, as `Conversation` in `proto/chat.proto` says: `@` and a peer's id, its short
 * id or its name, with no letter, digit or underscore before or behind. Pure.
 */

const WORD = /[\p{L}\p{N}_]/u;

/** Cut a text into parts: `{text}` or `{text, isMention}`, where one of the names is mentioned. */
export function mentionParts(text, names) {
  const parts = [];
  let end = 0;
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    const length = at >= end ? mentionAt(text, at, names) : 0;
    if (length === 0) continue;
    if (at > end) parts.push({ text: text.slice(end, at) });
    parts.push({ text: text.slice(at, at + length), isMention: true });
    end = at + length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

function mentionAt(text, at, names) {
  if (at > 0 && WORD.test(text[at - 1])) return 0;
  for (const name of names) {
    const end = at + 1 + name.length;
    const isSame = name !== "" && text.slice(at + 1, end).toLowerCase() === name.toLowerCase();
    if (isSame && !(end < text.length && WORD.test(String.fromCodePoint(text.codePointAt(end))))) return end - at;
  }
  return 0;
}

/** Find the mention that is being written: `{start, query}` where `@` stands before the caret; null where none does. */
export function mentionBeing(text, caret) {
  const match = /(?:^|[^\p{L}\p{N}_])@([^\s@]{0,64})$/u.exec(text.slice(0, caret));
  return match ? { start: caret - match[1].length - 1, query: match[1] } : null;
}

/** List the people whose name, or short id, has what is written at the beginning of one of its words. */
export function peopleMatching(people, query, most) {
  const wanted = query.toLowerCase();
  const has = (name) => name.toLowerCase().split(/\s+/).some((word) => word.startsWith(wanted)) || name.toLowerCase().startsWith(wanted);
  return people.filter(({ name, shortId }) => has(name) || has(shortId)).slice(0, most);
}
