/** The browser's storage. What it denies or has no room for is kept by this page alone. */

export class PageStorage {
  #own = new Map();
  #shared;

  /** @param shared a `Storage`, or null where the browser denies it */
  constructor(shared) {
    this.#shared = shared;
  }

  get keys() {
    return [...new Set([...this.#own.keys(), ...Object.keys(this.#shared ?? {})])];
  }

  get(key) {
    return this.#own.get(key) ?? this.#shared?.getItem(key) ?? null;
  }

  /** Keep a value; false where it will not outlive the page. */
  set(key, value) {
    this.#own.delete(key);
    try {
      this.#shared.setItem(key, value);
      return true;
    } catch {
      this.#own.set(key, value);
      return false;
    }
  }

  remove(key) {
    this.#own.delete(key);
    this.#shared?.removeItem(key);
  }
}

export function openStorage() {
  try {
    return new PageStorage(window.localStorage);
  } catch {
    return new PageStorage(null);
  }
}
