/** RFC 3339 UTC times, which may have up to nine fraction digits. */

/** Give a time the form in which a comparison of strings is one of times. */
export function orderFromTime(time) {
  return time.replace(/(?:Z|\+00:00)$/, "");
}

/** Compare two messages by their time, then by their id. */
export function compareMessages(a, b) {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** Find where in a sorted list a message stands, or would stand. */
export function placeOf(messages, message) {
  let low = 0;
  let high = messages.length;
  if (high > 0 && compareMessages(messages[high - 1], message) < 0) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareMessages(messages[middle], message) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
