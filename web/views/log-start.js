/** What stands above the first message. */

export function startNote({ room, older, messages, pending }) {
  if (older.state === "loading") return "Bringing older messages…";
  if (older.state === "more" || older.state === "unknown") return "";
  if (older.expired) return "Older messages are no longer kept here.";
  if (messages.length + pending.size === 0) return `Nothing was said in ${room} yet. Say hello.`;
  return `This is the beginning of ${room}, as far as this node keeps it.`;
}
