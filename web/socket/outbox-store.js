/** Keeps unsent messages in the browser, one key each, so that tabs do not clash. */

const PREFIX = "wsp.outbox.";

export class OutboxStore {
  #storage;

  constructor(storage) {
    this.#storage = storage;
  }

  /** Read what an earlier page left, in the order written. */
  load() {
    return Object.keys(this.#storage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => entryFromJson(this.#storage.getItem(key)))
      .filter(Boolean)
      .sort((a, b) => a.position - b.position);
  }

  /** Keep an entry; where the browser has no room for it, this page still does. */
  save(entry) {
    try {
      this.#storage.setItem(PREFIX + entry.id, JSON.stringify(entry));
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
    }
  }

  drop(id) {
    this.#storage.removeItem(PREFIX + id);
  }
}

/** Give the browser's storage, or one for this page alone where it is denied. */
export function openStorage() {
  try {
    return window.localStorage;
  } catch {
    return sessionOnly();
  }
}

function sessionOnly() {
  return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
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
