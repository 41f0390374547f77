/** What stands above the first message, and who is to be invited where there is none. */
import { peerOfKey } from "../model/places.js";
import { byId, setText } from "./dom.js";

/** @param isReady whether the node answers; isJoined whether this conversation reaches it */
export function startNote({ room, older, messages, pending }, { isReady, isJoined }) {
  const isEmpty = messages.length + pending.size === 0;
  if (!isJoined && isEmpty) return "You are not in this room. Join it to read what is said from now on.";
  if (!isReady) return isEmpty ? "The node is away. What was said here is shown when it is back." : "";
  if (older.state === "loading") return "Bringing older messages…";
  if (older.state === "more" || older.state === "unknown") return "";
  if (older.expired) return "Older messages are no longer kept here.";
  if (isEmpty) return "Nothing was said here yet.";
  return `This is the beginning of ${peerOfKey(room) ? "this conversation" : room}, as far as this node keeps it.`;
}

/** Show the note, and a button that leads to somebody to talk to where nobody has talked yet. */
export function showStart(conversation, around) {
  const { older, messages, pending } = conversation;
  setText(byId("log-start"), startNote(conversation, around));
  const isEmpty = messages.length + pending.size === 0;
  byId("log-invite").hidden = peerOfKey(conversation.room) !== null || !(isEmpty && around.isReady && around.isJoined && older.state === "nothing");
}
