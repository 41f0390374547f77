/** Where the reader is in the conversation, and how to stay there. */
import { AT_END_PX, LINE_MARGIN_PX, NEAR_EDGE_PX } from "../model/limits.js";

export class Place {
  #log;
  #exactTop = 0;

  constructor(log) {
    this.#log = log;
  }

  get isAtEnd() {
    return this.#toEnd < AT_END_PX;
  }

  get isNearEnd() {
    return this.#toEnd < NEAR_EDGE_PX;
  }

  get isNearStart() {
    return this.#log.scrollTop < NEAR_EDGE_PX;
  }

  goToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Scroll up to an element, where it is above what is in sight. */
  showAtTop(element) {
    if (element) this.#log.scrollTop = Math.min(this.#log.scrollTop, element.offsetTop - LINE_MARGIN_PX);
  }

  /**
   * Run a change of the rows without moving what the reader looks at: the text,
   * not its row, which may get or lose a day or an author above the text.
   */
  keepDuring(rows, change) {
    const anchor = rows[this.firstVisible(rows)];
    const text = anchor?.querySelector(".bubble") ?? anchor;
    const before = text?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) this.#scrollBy(text.getBoundingClientRect().top - before);
  }

  /**
   * Rows have fractions of a pixel, and a browser scrolls by whole ones: what it rounds
   * away is added to the next change, or many small changes would move the reader.
   */
  #scrollBy(moved) {
    const { scrollTop } = this.#log;
    const isUntouched = Math.abs(scrollTop - this.#exactTop) < 1;
    this.#exactTop = (isUntouched ? this.#exactTop : scrollTop) + moved;
    this.#log.scrollTop = this.#exactTop;
  }

  get #toEnd() {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight;
  }

  /** Give the index of the first row that is in sight. */
  firstVisible(rows) {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = rows[middle];
      if (row.offsetTop + row.offsetHeight <= this.#log.scrollTop) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
