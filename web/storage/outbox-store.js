/** Keeps unsent messages in the browser, one key each, so that tabs do not clash. */

const PREFIX = "wsp.outbox.";

export class OutboxStore {
  #storage;

  /** @param storage a `PageStorage` */
  constructor(storage) {
    this.#storage = storage;
  }

  /** Read what an earlier page or another tab left, in the order written. */
  load() {
    return this.#storage.keys
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => entryFromJson(this.#storage.get(key)))
      .filter(Boolean)
      .sort((a, b) => a.position - b.position);
  }

  /** Keep an entry; false where the browser does not, and only this page has it. */
  save(entry) {
    return this.#storage.set(PREFIX + entry.id, JSON.stringify(entry));
  }

  drop(id) {
    this.#storage.remove(PREFIX + id);
  }

  /** Call `dropped(id)` when another tab has dropped an entry. */
  watch(dropped) {
    window.addEventListener("storage", ({ key, newValue }) => {
      if (newValue === null && key?.startsWith(PREFIX)) dropped(key.slice(PREFIX.length));
    });
  }
}

function entryFromJson(json) {
  try {
    const { id, room, text, time, position } = JSON.parse(json);
    const isWhole = [id, room, text, time].every((field) => typeof field === "string");
    return isWhole ? { id, room, text, time, position: Number(position) || 0 } : null;
  } catch {
    return null;
  }
}
