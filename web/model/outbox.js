/**
 * What was written and has no answer yet, in the order written. Each entry is
 * stored until the node owns it, so that it outlives the page.
 */

export class Outbox {
  #entries = new Map();
  #store;
  #position = 0;

  /** @param store `load()`, `save(entry)`, which returns whether it could, `drop(id)` */
  constructor(store) {
    this.#store = store;
    this.adopt();
  }

  get entries() {
    return [...this.#entries.values()];
  }

  entry(id) {
    return this.#entries.get(id);
  }

  /** Whether all of it would outlive the page. */
  get isSafe() {
    return this.entries.every((entry) => entry.isSaved);
  }

  /** Take over what the store has and is not here, as from a tab that was closed. */
  adopt() {
    const found = this.#store.load().filter(({ id }) => !this.#entries.has(id));
    for (const entry of found) this.#put(entry, true);
    return found;
  }

  /** @param entry `id`, `room`, `text` and `time` of what was written */
  add(entry) {
    const placed = { ...entry, position: this.#position + 1 };
    this.#put(placed, this.#store.save(placed));
  }

  /** Return the first that waits, which is on its way from now on; null where none is. */
  claimNext() {
    for (const entry of this.#entries.values()) {
      if (entry.state !== "waiting") continue;
      entry.state = "flying";
      return entry;
    }
    return null;
  }

  /** Let an entry wait for its turn again. */
  requeue(id) {
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

  /** Remove an entry that failed; null where it is none. */
  removeFailed(id) {
    const entry = this.#entries.get(id);
    if (entry?.state !== "failed") return null;
    this.remove(id);
    return entry;
  }

  #put(entry, isSaved) {
    this.#position = Math.max(this.#position, entry.position);
    this.#entries.set(entry.id, { ...entry, isSaved, state: "waiting" });
  }
}
