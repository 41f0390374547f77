/** Brings what was said in a room before the first message that is here. */
import { HISTORY_PAGE, REFUSED_PAUSE_MS } from "../model/limits.js";
import { frameOfKey } from "../model/places.js";
import { messageFromFrame } from "../model/messages.js";

/** Load one page; does nothing while another one is under way or the node is unreachable. */
export async function loadOlder(page, room) {
  const { chat, source, touch } = page;
  const conversation = chat.conversation(room);
  const before = conversation.older;
  if (before.state === "loading" || !chat.isReady) return;
  const loading = { ...before, state: "loading" };
  conversation.older = loading;
  touch(["messages"]);
  const answer = await pageBefore(source, room, before.cursor);
  if (!answer.messages) await pause(answer.retryAfterMs ?? REFUSED_PAUSE_MS);
  if (conversation.older !== loading) return;
  conversation.older = before;
  if (answer.messages) conversation.prepend(answer.messages.map(messageFromFrame), answer.next_cursor, answer.gap !== null);
  else if (answer.isPassing && chat.activeRoom === room) loadOlder(page, room);
  touch(["messages"]);
}

/** Ask for a page; gives the answer, or the error. */
function pageBefore(source, room, cursor) {
  const frame = { type: "history", ...frameOfKey(room), limit: HISTORY_PAGE };
  return source.request(cursor ? { ...frame, before: cursor } : frame).catch((error) => error);
}

function pause(pauseMs) {
  return new Promise((resolve) => setTimeout(resolve, pauseMs));
}
