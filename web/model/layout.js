/** What a message's neighbours mean for it: where a day and where a group begins. */
import { GROUP_WITHIN_MS } from "../limits.js";

/**
 * Lay out messages that follow one another.
 *
 * @param me this node's peer id
 * @param isWaiting whether nothing can be sent now
 */
export function laidOut(messages, me, isWaiting) {
  let previous = null;
  return messages.map((message) => {
    const date = new Date(message.time);
    const isOwn = message.state !== "sent" || !message.author || message.author === me;
    const who = isOwn ? "" : message.author;
    const startsDay = !previous || !isSameDate(previous.date, date);
    const startsGroup =
      startsDay || previous.who !== who || date - previous.date > GROUP_WITHIN_MS;
    previous = { date, who };
    return { key: message.key, message, isOwn, isWaiting, startsDay, startsGroup };
  });
}

function isSameDate(a, b) {
  return a.getDate() === b.getDate() && a.getMonth() === b.getMonth() && a.getFullYear() === b.getFullYear();
}
