/**
 * Which part of a conversation is in the document. Without an anchor it is the
 * end and follows it; with one it stays where the reader is.
 */
import { MAX_RENDERED, WINDOW_STEP } from "./limits.js";
import { placeOf } from "./times.js";

export class Window {
  #lastShown = null;

  get follows() {
    return this.#lastShown === null;
  }

  /** Return the first and the end index of what is to be shown. */
  rangeIn(messages) {
    const end = this.#endIn(messages);
    return [Math.max(0, end - MAX_RENDERED), end];
  }

  /** List what is in the document of a conversation; what is not sent yet stands at the end. */
  shownOf({ messages, pending }) {
    const [start, end] = this.rangeIn(messages);
    const shown = messages.slice(start, end);
    if (end === messages.length) shown.push(...pending.values());
    return shown.slice(-MAX_RENDERED);
  }

  follow() {
    this.#lastShown = null;
  }

  /** Stay with what is shown now, whatever is added behind it. */
  stay(messages) {
    if (this.follows && messages.length > 0) this.#lastShown = messages[messages.length - 1];
  }

  /** Move towards the beginning; false where the first is shown already. */
  up(messages) {
    const [start, end] = this.rangeIn(messages);
    if (start === 0) return false;
    this.#lastShown = messages[end - 1 - Math.min(WINDOW_STEP, start)];
    return true;
  }

  /** Move towards the end; false where the last is shown already. */
  down(messages) {
    const end = this.#endIn(messages);
    if (end >= messages.length) return false;
    this.#lastShown = messages[Math.min(messages.length, end + WINDOW_STEP) - 1];
    return true;
  }

  #endIn(messages) {
    if (this.follows) return messages.length;
    return Math.min(messages.length, placeOf(messages, this.#lastShown) + 1);
  }
}
