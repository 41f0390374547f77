/**
 * The messages of one room: what the log told, by time, and behind it what is
 * not sent yet. Owned by the chat, read by the views.
 */
import { KEPT_AFTER_CUT, MAX_KEPT, MAX_KEPT_WHILE_READ } from "../limits.js";
import { orderFromTime, placeOf } from "./times.js";

export class Conversation {
  /** Sorted; a message is here once. */
  messages = [];
  /** Own messages without an answer yet, by client id, in the order written. */
  pending = new Map();
  /** What is before the first message: unknown, loading, more, or nothing. */
  older = { state: "unknown", cursor: null, expired: false };
  /** Messages that came live, since the page was opened. */
  arrivals = 0;
  unread = 0;
  /** Whether somebody reads older messages here, so that they are not to be cut. */
  isHeld = false;
  #byId = new Map();
  #newest = 0;
  #oldest = 0;

  constructor(room) {
    this.room = room;
  }

  /** Take a message that just happened; false where it was known. */
  append(message) {
    const isNew = this.#put(message, ++this.#newest);
    if (isNew) this.arrivals += 1;
    if (this.messages.length > (this.isHeld ? MAX_KEPT_WHILE_READ : MAX_KEPT)) this.#cut();
    return isNew;
  }

  /** Take a page of older messages, oldest first, and where the next one is. */
  prepend(messages, nextCursor, expired) {
    for (const message of messages.toReversed()) this.#put(message, --this.#oldest);
    this.older = { state: nextCursor ? "more" : "nothing", cursor: nextCursor || null, expired };
  }

  /** Show a message of one's own that is about to be sent. */
  propose(message) {
    this.pending.set(message.clientId, message);
  }

  /** Whether a message of one's own is here as the log told it. */
  holds(clientId) {
    return this.messages.some((message) => message.clientId === clientId);
  }

  /**
   * Mark a message of one's own as kept by the node. Its place in the log is not
   * known before the log tells of it: the answer may be that of an earlier time.
   */
  confirm(clientId, { messageId, author, recipients }) {
    const proposed = this.pending.get(clientId);
    if (proposed) this.#put({ ...proposed, id: messageId, author }, ++this.#newest);
    const kept = this.#byId.get(messageId);
    if (kept) Object.assign(kept, { state: "sent", recipients });
  }

  /** Change what is told of a message that is not sent. */
  mark(clientId, change) {
    const proposed = this.pending.get(clientId);
    if (proposed) Object.assign(proposed, change);
  }

  /** Forget a message that is not sent. */
  withdraw(clientId) {
    this.pending.delete(clientId);
  }

  #put(message, position) {
    const proposed = this.pending.get(message.clientId);
    const known = this.#byId.get(message.id);
    if (known) this.messages.splice(placeOf(this.messages, known), 1);
    this.pending.delete(message.clientId);
    const kept = { ...message, position: known?.cursor ? known.position : position, state: "sent" };
    kept.key = known?.key ?? proposed?.key ?? message.id;
    kept.recipients = known?.recipients;
    kept.order = orderFromTime(message.time);
    this.messages.splice(placeOf(this.messages, kept), 0, kept);
    this.#byId.set(kept.id, kept);
    return !known;
  }

  /** Drop the first of the log; they can be asked for again before the first one left. */
  #cut() {
    const inLogOrder = this.messages.toSorted((a, b) => a.position - b.position);
    const first = inLogOrder.slice(-KEPT_AFTER_CUT).find((message) => message.cursor);
    this.messages = this.messages.filter((message) => message.position >= first.position);
    for (const { id, position } of inLogOrder) if (position < first.position) this.#byId.delete(id);
    this.#oldest = first.position;
    this.older = { state: "more", cursor: first.cursor, expired: false };
  }
}
