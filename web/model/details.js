/** What is known of a message, for whoever asks. Pure. */

/**
 * List what is known as pairs of a name and a value.
 *
 * @param words `name(peerId)` names a peer, `time(date)` writes a time out
 */
export function detailsOf(message, { name, time }) {
  const { author, forwarder, isBackfilled, received, state, isProposed } = message;
  const isSent = state === "sent";
  return [
    ["From", author ? `${name(author)}, ${author}` : ""],
    ["Sent", isProposed ? "" : time(new Date(message.time))],
    ["Arrived here", received ? time(new Date(received)) : ""],
    ["Way", isSent ? wayOf(author, forwarder, isBackfilled, name) : ""],
    ["Held by", (message.delivery?.heldBy ?? []).map(name).join(", ")],
    ["Handed to", (message.delivery?.handedTo ?? []).map(name).join(", ")],
    ["Not sent because", message.failure ?? ""],
    ["Message id", isSent ? message.id : ""],
  ].filter(([, value]) => value);
}

function wayOf(author, forwarder, isBackfilled, name) {
  if (!forwarder) return "";
  if (isBackfilled) return `Brought afterwards by ${name(forwarder)}`;
  return forwarder === author ? "Directly from its author" : `Passed on by ${name(forwarder)}`;
}
