/** Messages as the page holds them, made from frames and from what is typed. */
import { timesOfFrame } from "./believed-time.js";
import { keyOfFrame } from "./places.js";
import { orderFromTime } from "./times.js";

/** Read a `message` frame; `time`, `received` and `lag` are those of believed-time.js. */
export function messageFromFrame(frame) {
  return {
    id: frame.message_id,
    cursor: frame.cursor,
    clientId: frame.client_message_id || undefined,
    room: keyOfFrame(frame),
    author: frame.author_id,
    forwarder: frame.forwarder_id,
    text: frame.text ?? null,
    byteCount: frame.data ? Math.floor((frame.data.replace(/=+$/, "").length * 3) / 4) : 0,
    ...timesOfFrame(frame),
    isBackfilled: frame.delivery === "backfilled",
  };
}

/** Make what is shown of an outbox entry until the log has it; only then its time is known. */
export function messageFromEntry(entry, author) {
  return {
    key: entry.id,
    id: entry.id,
    clientId: entry.id,
    room: entry.room,
    author,
    text: entry.text,
    byteCount: 0,
    time: entry.time,
    order: orderFromTime(entry.time),
    state: "sending",
    isProposed: true,
  };
}

/** Make a random UUID, also where the page is not in a secure context. */
export function newClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
