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
  const page = await pageBefore(link, room, before.cursor);
  if (conversation.older !== loading) return;
  if (page) conversation.prepend(page.messages.map(messageFromFrame), page.next_cursor, Boolean(page.gap));
  else conversation.older = before;
  touch(["messages"]);
}

/** Ask for a page; null where it cannot be had now. */
async function pageBefore(link, room, cursor) {
  const frame = { type: "history", room, limit: HISTORY_PAGE };
  try {
    return await link.request(cursor ? { ...frame, before: cursor } : frame);
  } catch {
    return null;
  }
}
