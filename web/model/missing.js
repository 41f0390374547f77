/** Whether the log may have something that belongs between messages that are here. Pure. */
import { LATE_AFTER_MS } from "./limits.js";

/** Whether something may be missing behind a message of a conversation, brought late. */
export function mayMissBehind({ older }, message) {
  const { state, isMixed, receivedFrom } = older;
  return state === "more" && isMixed && Date.parse(message.time) + LATE_AFTER_MS < receivedFrom;
}
