/** What a message's neighbours mean for it: where a day, a group or a late run starts. */
import { GROUP_WITHIN_MS } from "./limits.js";
import { latenessOf } from "./lateness.js";

/**
 * Lay out messages that follow one another. Their keys tell one's own apart: a
 * node that has begun anew is somebody else, and what it said is another's then.
 *
 * @param around `me`, this node's peer id; whether nothing can be sent now
 *   (`isWaiting`), the ids of the `others` in the conversation, and the id of the
 *   first unread message and how many there are (`unreadFrom`, `unreadCount`)
 */
export function laidOut(messages, { me, isWaiting, others, unreadFrom, unreadCount }) {
  const lateness = latenessOf(messages);
  let previous = null;
  const laid = messages.map((message, index) => {
    const date = new Date(message.time);
    const isOwn = message.state !== "sent" || !message.author || message.author === me;
    const who = isOwn ? "" : message.author;
    const startsDay = !previous || !isSameDate(previous.date, date);
    const startsGroup =
      startsDay || previous.who !== who || date - previous.date > GROUP_WITHIN_MS;
    previous = { date, who };
    const newCount = unreadFrom !== undefined && message.id === unreadFrom ? unreadCount : 0;
    const now = { isOwn, isWaiting, others: isOwn ? others : NOBODY, startsDay, startsGroup: startsGroup || newCount > 0, newCount };
    return { key: `${message.key} ${isOwn}`, message, ...now, ...lateness[index], isNewestOwn: false };
  });
  markNewestOwn(laid);
  return laid;
}

/** Who is here matters to one's own messages only. */
const NOBODY = [];

/** What became of one's own is news for the newest only; for others where something is wrong. */
function markNewestOwn(laid) {
  for (let index = laid.length - 1; index >= 0; index -= 1) {
    if (!laid[index].isOwn) continue;
    laid[index].isNewestOwn = true;
    return;
  }
}

function isSameDate(a, b) {
  return a.getDate() === b.getDate() && a.getMonth() === b.getMonth() && a.getFullYear() === b.getFullYear();
}
