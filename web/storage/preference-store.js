/** Stores what a person has set for this browser; every tab follows. */
import { preferencesFrom } from "../model/preferences.js";

const KEY = "wsp.preferences";

export class PreferenceStore {
  #storage;

  /** @param storage a `PageStorage` */
  constructor(storage) {
    this.#storage = storage;
    this.values = preferencesFrom(storage.get(KEY));
  }

  set(name, value) {
    this.values = preferencesFrom(JSON.stringify({ ...this.values, [name]: value }));
    this.#storage.set(KEY, JSON.stringify(this.values));
  }

  /** Call `changed()` when another tab has set something. */
  watch(changed) {
    window.addEventListener("storage", ({ key, newValue }) => {
      if (key !== KEY) return;
      this.values = preferencesFrom(newValue);
      changed();
    });
  }
}
