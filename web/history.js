/** Brings what was said in a room before the first message that is here. */
import { HISTORY_PAGE } from "./limits.js";
import { messageFromFrame } from "./model/messages.js";

/** Load one page; does nothing while another one is under way or the node is away. */
export async function loadOlder({ chat, link, touch }, room) {
  const conversation = chat.conversation(room);
  const before = conversation.older;
  if (before.state === "loading" || !chat.isReady) return;
  const loading = { ...before, state: "loading" };
  conversation.older = loading;
  touch(["messages"]);
  const change = await pageBefore(link, room, before.cursor);
  if (conversation.older !== loading) return;
  conversation.older = before;
  if (change.retryAfterMs) setTimeout(() => loadOlder({ chat, link, touch }, room), change.retryAfterMs);
  else if (change.messages) conversation.prepend(change.messages.map(messageFromFrame), change.next_cursor, change.gap !== null);
  touch(["messages"]);
}

/** Ask for a page; gives the answer, or the error. */
function pageBefore(link, room, cursor) {
  const frame = { type: "history", room, limit: HISTORY_PAGE };
  return link.request(cursor ? { ...frame, before: cursor } : frame).catch((error) => error);
}
