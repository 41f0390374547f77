/** Where in a conversation the unread messages begin. Pure. */

/**
 * Return the first message, as they stand, of the last `count` messages of others in the
 * order in which they arrived; null where fewer than that are here and the log has more.
 *
 * The node counts what is behind a place in its log, which is in order of arrival; on the
 * page messages stand by the time they were sent.
 */
export function firstUnreadOf({ messages, older }, count, me) {
  if (older.state === "unknown" || older.state === "loading") return null;
  const others = messages.filter(({ author }) => author !== me);
  if (others.length < count && older.state !== "nothing" && others.length < MOST_LOOKED_THROUGH) return null;
  const newest = new Set([...others].sort((a, b) => a.received - b.received).slice(-count));
  return others.find((message) => newest.has(message)) ?? null;
}

/** Find where the line of a visit stands, once that is here. */
export function placeLine(conversation, me) {
  const { line } = conversation.reading;
  if (line && !line.before) line.before = firstUnreadOf(conversation, line.count, me)?.id ?? null;
}

/** What is unread of a long absence is not brought whole before it is read. */
const MOST_LOOKED_THROUGH = 300;
