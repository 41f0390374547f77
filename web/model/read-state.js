/** How far one conversation is read: what the node counts, and what the page shows of it. */

export class ReadState {
  /** Messages of others, and those of them that mention this node, behind the marker. */
  unread = 0;
  mentions = 0;
  /** Up to where it is read; null where the node was never told. */
  readCursor = null;
  /** The newest message as the node listed it, where no other is here yet. */
  newest = null;
  /** Whether it was marked unread by hand: looking at it does not change that. */
  isKeptUnread = false;
  /** Whether nothing of this visit was seen yet. */
  isFresh = true;
  /** Where the line stands at the first unread message: how many there were, and its id once known. */
  line = null;

  /** The cursor of the newest message in the order of the log; null where none is known. */
  get newestCursor() {
    return this.newest?.cursor ?? null;
  }

  /** Whether the node has not been told of everything that is here. */
  get isBehind() {
    return this.newestCursor !== null && this.newestCursor !== this.readCursor && !this.isKeptUnread;
  }

  /** Remember the newest message; what was received before it is older. */
  noteNewest(message) {
    if (message.cursor && !(this.newest?.received > message.received)) this.newest = message;
  }

  /** Take the node's counts. */
  recount({ unread_count: unread, mention_count: mentions }) {
    this.unread = unread;
    this.mentions = mentions;
  }

  /** Begin a visit: a line is due where something is unread. */
  beginVisit() {
    this.isKeptUnread = false;
    this.isFresh = true;
    this.line = null;
    this.dueLine();
  }

  /** Have a line stand at the first unread, unless one does. */
  dueLine() {
    if (this.unread > 0 && !this.line) this.line = { count: this.unread, before: null };
  }

  /** Everything is read, as far as this page is concerned. */
  clear() {
    this.isFresh = false;
    this.unread = 0;
    this.mentions = 0;
    this.readCursor = this.newestCursor;
  }

  /** Leave a message and what came after it unread, until the conversation is shown anew. */
  keepUnread(cursor, counts, messageId) {
    this.readCursor = cursor;
    this.recount(counts);
    this.isKeptUnread = true;
    this.line = { count: this.unread, before: messageId };
  }
}
