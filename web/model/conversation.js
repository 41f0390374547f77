/** The messages of one conversation: what the log reported, by time, then what is not sent yet. */
import { KEPT_AFTER_CUT, MAX_KEPT, MAX_KEPT_WHILE_READ } from "./limits.js";
import { ReadState } from "./read-state.js";
import { orderFromTime, placeOf } from "./times.js";

export class Conversation {
  /** Sorted; a message is here once. */
  messages = [];
  /** Own messages without an answer yet, by client id, in the order written. */
  pending = new Map();
  /**
   * What the log has before what is here: unknown, loading, more, or nothing. It is in
   * order of arrival, so that may be between what is here.
   */
  older = { state: "unknown", cursor: null, expired: false };
  /** Messages that came live, since the page was opened. */
  arrivals = 0;
  reading = new ReadState();
  /** Whether somebody reads older messages here, so that they are not to be cut. */
  isHeld = false;
  #byId = new Map();

  constructor(room) {
    this.room = room;
  }

  /** The newest message, also of those not sent yet; undefined where nothing is known. */
  get last() {
    return [...this.pending.values()].pop() ?? this.messages[this.messages.length - 1] ?? this.reading.newest ?? undefined;
  }

  /** Take a message that just happened; false where it was known. */
  append(message) {
    const isNew = this.#put(message);
    if (isNew) this.arrivals += 1;
    if (this.messages.length > (this.isHeld ? MAX_KEPT_WHILE_READ : MAX_KEPT)) this.#cut();
    return isNew;
  }

  /** Take a page of older messages, oldest first, and where the next one is. */
  prepend(messages, nextCursor, expired) {
    const [first] = this.messages;
    for (const message of messages) this.#put(message);
    const isMixed = !first || this.older.state === "unknown" || placeOf(this.messages, first) < messages.length;
    const receivedFrom = messages[0]?.received;
    this.older = { state: nextCursor ? "more" : "nothing", cursor: nextCursor || null, expired, isMixed, receivedFrom };
  }

  /** Show a message of one's own that is about to be sent. */
  propose(message) {
    this.pending.set(message.clientId, message);
  }

  /** Mark a message of one's own as stored by the node. */
  confirm(clientId, { messageId, author, recipients }) {
    const proposed = this.pending.get(clientId);
    if (proposed && !this.#byId.has(messageId)) this.#put({ ...proposed, id: messageId, author });
    this.pending.delete(clientId);
    Object.assign(this.#byId.get(messageId) ?? {}, { state: "sent", recipients });
  }

  /** Somebody came: the node sends what nobody had received yet. */
  handOver() {
    for (const one of this.messages) if (one.recipients === 0) one.recipients = undefined;
  }

  /** Find a message by its id, one that is not sent by its client id. */
  find(id) {
    return this.#byId.get(id) ?? this.pending.get(id);
  }

  /** Change what is shown of a message that is not sent. */
  mark(clientId, change) {
    Object.assign(this.pending.get(clientId) ?? {}, change);
  }

  /** Drop what somebody wrote, who is blocked now. */
  dropAuthor(peerId) {
    const isDropped = ({ author, id }) => author === peerId && this.#byId.delete(id);
    this.messages = this.messages.filter((message) => !isDropped(message));
    if (this.reading.newest?.author === peerId) this.reading.newest = null;
  }

  /** Forget a message that is not sent. */
  withdraw(clientId) {
    this.pending.delete(clientId);
  }

  #put(message) {
    const proposed = this.pending.get(message.clientId);
    const known = this.#byId.get(message.id);
    if (known) this.messages.splice(placeOf(this.messages, known), 1);
    this.pending.delete(message.clientId);
    const kept = { ...message, state: "sent" };
    kept.key = known?.key ?? proposed?.key ?? message.id;
    kept.recipients = known?.recipients;
    kept.delivery = known?.delivery;
    kept.order = orderFromTime(message.time);
    this.messages.splice(placeOf(this.messages, kept), 0, kept);
    this.#byId.set(kept.id, kept);
    return !known;
  }

  /**
   * Drop those sent first. They can be anywhere in the log, as when a late joiner's
   * history comes while others talk: they are looked for again from its end.
   */
  #cut() {
    const dropped = this.messages.splice(0, this.messages.length - KEPT_AFTER_CUT);
    for (const { id } of dropped) this.#byId.delete(id);
    this.older = { state: "more", cursor: null, expired: false };
  }
}
