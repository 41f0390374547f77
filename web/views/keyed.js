/** A list whose elements stay the same as long as their items are in it. */

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
    let next = this.#list.firstElementChild;
    for (const item of items) {
      const { element } = this.#rowFor(item);
      if (element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(element, next);
    }
  }

  clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  #rowFor(item) {
    const key = this.#keyOf(item);
    if (!this.#rows.has(key)) this.#rows.set(key, this.#make(item));
    const row = this.#rows.get(key);
    row.update(item);
    return row;
  }

  #dropAllBut(keys) {
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
  }
}
