/** Stores drafts in the browser: for this tab, and for the pages that are opened later. */

const PREFIX = "wsp.draft.";

export class DraftStore {
  #tab;
  #shared;

  /** @param tab, shared `PageStorage` of this tab alone, and of all */
  constructor(tab, shared) {
    this.#tab = tab;
    this.#shared = shared;
  }

  load(room) {
    return draftFromJson(this.#tab.get(PREFIX + room)) ?? draftFromJson(this.#shared.get(PREFIX + room));
  }

  /** Store a draft; false where the browser does not, and only this page has it. */
  save(room, draft) {
    const json = JSON.stringify(draft);
    const isStored = this.#tab.set(PREFIX + room, json);
    return this.#shared.set(PREFIX + room, json) || isStored;
  }

  /** Remove a draft; what another tab has stored in its place stays. */
  drop(room, { id }) {
    this.#tab.remove(PREFIX + room);
    if (draftFromJson(this.#shared.get(PREFIX + room))?.id === id) this.#shared.remove(PREFIX + room);
  }

  /** Call `dropped(room, draft)` when another tab has removed a draft. */
  watch(dropped) {
    window.addEventListener("storage", ({ key, oldValue, newValue, storageArea }) => {
      const draft = newValue === null && key?.startsWith(PREFIX) && draftFromJson(oldValue);
      if (draft && this.#shared.isOn(storageArea)) dropped(key.slice(PREFIX.length), draft);
    });
  }
}

function draftFromJson(json) {
  try {
    const { id, text } = JSON.parse(json);
    return typeof id === "string" && typeof text === "string" && text ? { id, text } : null;
  } catch {
    return null;
  }
}
