/** The list of conversations: who or what, the last line, when, and what is unread. Pure. */
import { peerOfKey } from "./places.js";

/**
 * List what is joined, and what is shown though it is not, with the latest first.
 *
 * @param chat the model; `draftIn(key)` gives what is written and not sent there
 */
export function entriesOf(chat, draftIn = () => "") {
  const entries = [...new Set([...chat.keys, chat.activeRoom])].map((key) => entryOf(chat, key, draftIn(key)));
  return entries.sort((a, b) => b.time - a.time);
}

/** Count what is unread in all conversations. */
export function unreadIn(chat) {
  return chat.keys.reduce((sum, key) => sum + chat.conversation(key).reading.unread, 0);
}

function entryOf(chat, key, draft) {
  const conversation = chat.conversation(key);
  const { last, reading } = conversation;
  const isActive = key === chat.activeRoom;
  return {
    key,
    peerId: peerOfKey(key),
    isActive,
    isJoined: chat.isJoined(key),
    time: last ? Date.parse(last.time) : 0,
    line: draft && !isActive ? { kind: "draft", text: oneLine(draft) } : lineOf(last, chat.node?.peer_id),
    unread: reading.unread,
    mentions: reading.mentions,
  };
}

const MAX_LINE_CHARACTERS = 160;

function lineOf(last, me) {
  if (!last) return { kind: "empty", text: "" };
  const text = last.text === null ? "Not text" : oneLine(last.text);
  const isOwn = last.state !== "sent" || !last.author || last.author === me;
  return { kind: isOwn ? "own" : "other", author: last.author, text };
}

/** Cut to what may be seen before it is read through: a message may be long. */
function oneLine(text) {
  return text.slice(0, 4 * MAX_LINE_CHARACTERS).replace(/\s+/g, " ").trim().slice(0, MAX_LINE_CHARACTERS);
}
