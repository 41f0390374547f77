/**
 * What was written and has no answer yet, in the order written. Each entry is
 * kept in the store until the node owns it, so that it outlives the page.
 */

export class Outbox {
  #entries = new Map();
  #store;
  #position = 0;

  /** @param store `load()`, `save(entry)`, `drop(id)` */
  constructor(store) {
    this.#store = store;
    for (const entry of store.load()) this.#put(entry);
  }

  get entries() {
    return [...this.#entries.values()];
  }

  /** @param entry `id`, `room`, `text` and `time` of what was written */
  add(entry) {
    const placed = { ...entry, position: this.#position + 1 };
    this.#put(placed);
    this.#store.save(placed);
  }

  /** Take the first that waits, as being on its way now. */
  takeNext() {
    for (const entry of this.#entries.values()) {
      if (entry.state !== "waiting") continue;
      entry.state = "flying";
      return entry;
    }
    return null;
  }

  /** Let an entry wait for its turn again. */
  putBack(id) {
    const entry = this.#entries.get(id);
    if (entry) entry.state = "waiting";
  }

  /** Keep an entry, but do not send it until it is put back. */
  fail(id) {
    const entry = this.#entries.get(id);
    if (entry) entry.state = "failed";
  }

  remove(id) {
    this.#entries.delete(id);
    this.#store.drop(id);
  }

  removeUnlessFlying(id) {
    const state = this.#entries.get(id)?.state;
    if (state && state !== "flying") this.remove(id);
  }

  #put(entry) {
    this.#position = Math.max(this.#position, entry.position);
    this.#entries.set(entry.id, { ...entry, state: "waiting" });
  }
}
