/** The browser's storage. What it denies or has no room for is held by this page alone. */

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
    try {
      return this.#own.get(key) ?? this.#shared?.getItem(key) ?? null;
    } catch {
      return null;
    }
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
    try {
      this.#shared?.removeItem(key);
    } catch {
      this.#shared = null;
    }
  }

  /** Whether this is the area that an event names. */
  isOn(area) {
    return this.#shared !== null && this.#shared === area;
  }
}

/** @param kind `localStorage`, which all tabs share, or `sessionStorage`, this tab's own */
export function openStorage(kind = "localStorage") {
  try {
    return new PageStorage(window[kind] ?? null);
  } catch {
    return new PageStorage(null);
  }
}
