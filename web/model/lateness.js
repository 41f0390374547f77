/**
 * Which messages came late, and how many of them came together. A reader goes
 * down a conversation; what is put in above the place reached is easily missed,
 * so it is marked. Worked out from the messages' own fields, so that a reload
 * shows the same.
 *
 * Late is what synchronisation brought noticeably after it was sent, and what stands
 * before something that was received earlier. A message whose send time is not believed
 * stands where it arrived (see believed-time.js), so it is never late.
 *
 * Late ones that stand together and came together are one run with one mark: who
 * was away for a night finds one, not two hundred. The run that what is shown begins
 * with has none: what is above it is not here, or this node came only after it.
 */
import { LATE_AFTER_MS, LATE_TOGETHER_MS } from "./limits.js";

/** Say for each of a conversation's messages in order: `{isLate, lateCount}`, the count where a mark is due. */
export function latenessOf(messages) {
  const late = lateOnes(messages);
  const told = late.map((isLate) => ({ isLate, lateCount: 0 }));
  let first = 0;
  for (let index = 1; index < messages.length; index += 1) {
    const isSameRun = late[index] && late[index - 1] && cameTogether(messages[index - 1], messages[index]);
    if (!isSameRun) first = index;
    if (late[index] && first > 0) told[first].lateCount += 1;
  }
  return told;
}

function lateOnes(messages) {
  let firstReceived = Infinity;
  const late = [];
  for (const { lag, received, isBackfilled } of [...messages].reverse()) {
    late.push(lag >= LATE_AFTER_MS && (isBackfilled || firstReceived < received));
    if (received < firstReceived) firstReceived = received;
  }
  return late.reverse();
}

function cameTogether(a, b) {
  return Math.abs(a.received - b.received) <= LATE_TOGETHER_MS;
}
