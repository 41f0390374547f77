/** What is read of the conversations: held by the node, counted on here between its words. */
import { messageFromFrame } from "./messages.js";
import { mentionParts } from "./mentions.js";
import { keyOfFrame, peerOfKey } from "./places.js";

/** The name under which all pages of a node share what is read. */
export const READER = "me";

/** Take the conversations as the node lists them. */
export function learnConversations(chat, listed) {
  for (const one of listed) {
    const key = keyOfFrame(one);
    if (peerOfKey(key)) chat.directs.add(key);
    const { reading } = chat.conversation(key);
    if (one.last_message) reading.noteNewest({ ...messageFromFrame(one.last_message), state: "sent" });
    recount(chat, key, one);
  }
  return ["rooms", "messages"];
}

/** Follow any page that has read a conversation, or marked it unread. */
export function receiveReadMarker(chat, frame) {
  if (frame.reader !== READER) return [];
  recount(chat, keyOfFrame(frame), frame);
  return ["rooms", "messages"];
}

/** Count a message that just came, unless somebody is looking at it. */
export function countArrival(chat, key, message) {
  const { reading } = chat.conversation(key);
  reading.noteNewest(message);
  if (message.author === chat.node?.peer_id || (chat.isWatching && key === chat.activeRoom)) return;
  reading.unread += 1;
  const names = chat.people.namesOf(chat.node?.peer_id);
  if (mentionParts(message.text ?? "", names).some((part) => part.isMention)) reading.mentions += 1;
  if (key === chat.activeRoom) reading.dueLine();
}

function recount(chat, key, counted) {
  const { reading } = chat.conversation(key);
  reading.readCursor = counted.read_cursor;
  reading.recount(counted);
  // Whoever sees the newest messages is not led away from them.
  if (key === chat.activeRoom && (reading.isFresh || !chat.isWatching)) reading.dueLine();
}
