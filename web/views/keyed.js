/**
 * A list whose elements stay the same as long as their items are in it. A row that
 * cannot be drawn says so in its place, and the rows behind it are drawn.
 */
import { el } from "./dom.js";

export class KeyedList {
  #list;
  #keyOf;
  #make;
  #rows = new Map();

  /** @param make gives a row `{element, update(item)}` for a new item */
  constructor(list, keyOf, make) {
    this.#list = list;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  /** Bring the document to these items, in this order. */
  show(items) {
    this.#dropAllBut(new Set(items.map(this.#keyOf)));
    let previous = null;
    for (const item of items) {
      const { element } = this.#rowFor(item);
      const next = previous ? previous.nextElementSibling : this.#list.firstElementChild;
      if (element !== next) this.#list.insertBefore(element, next);
      previous = element;
    }
  }

  clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  #rowFor(item) {
    const key = this.#keyOf(item);
    const known = this.#rows.get(key);
    try {
      const row = known ?? this.#make(item);
      row.update(item);
      this.#rows.set(key, row);
      return row;
    } catch (error) {
      console.error(error);
      const failed = failedRow();
      known?.element.remove();
      this.#rows.set(key, failed);
      return failed;
    }
  }

  #dropAllBut(keys) {
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
  }
}

function failedRow() {
  return { element: el("li", { class: "row-failed" }, FAILED), update: () => undefined };
}

const FAILED = "This cannot be shown here.";
