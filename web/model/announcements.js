/** Which messages are announced to somebody who is not looking, and in which words. Pure. */
import { mentionParts } from "./mentions.js";
import { keyOfFrame, peerOfKey } from "./places.js";

const MAX_CHARACTERS = 160;

/**
 * Return what to announce of an event, or null.
 *
 * @param level `off`, `mentions` (of this node, and direct messages) or `all`
 * @returns `{key, title, body}`, the key being the conversation's
 */
export function announcementOf(chat, frame, level) {
  if (frame.type !== "message" || level === "off" || frame.author_id === chat.node?.peer_id) return null;
  const key = keyOfFrame(frame);
  const text = frame.text ?? "Not text";
  const isDirect = peerOfKey(key) !== null;
  const names = chat.people.namesOf(chat.node?.peer_id);
  const isMention = mentionParts(text, names).some((part) => part.isMention);
  if (frame.delivery === "backfilled" || (level === "mentions" && !isDirect && !isMention)) return null;
  const who = chat.nameOf(frame.author_id);
  return { key, title: isDirect ? who : `${who} in ${key}`, body: text.slice(0, MAX_CHARACTERS) };
}
