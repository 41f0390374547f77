/**
 * What is being written and not sent yet: one draft a conversation. Each is
 * stored as it is written, so that it outlives the page. Owned by the composer.
 *
 * Tabs share the store. A page that is opened shows what another one left; text
 * that was written here changes only here, and what is sent in one tab goes from
 * another one only where it is the very same draft.
 */
import { newClientId } from "./messages.js";

export class Drafts {
  #store;
  #byRoom = new Map();

  /**
   * @param store `load(room)` gives `{id, text}` or null; `save(room, draft)` returns
   *   whether it will outlive the page; `drop(room, draft)`
   */
  constructor(store) {
    this.#store = store;
  }

  /** Whether everything that is written would outlive the page. */
  get isSafe() {
    return [...this.#byRoom.values()].every((draft) => draft.isSaved);
  }

  textIn(room) {
    return this.#of(room).text;
  }

  /** Store what is written in a room now; nothing is no draft. */
  update(room, text) {
    if (!text) return this.clear(room);
    const draft = { id: this.#of(room).id, text };
    this.#byRoom.set(room, { ...draft, isSaved: this.#store.save(room, draft) });
  }

  /** Remove the draft of a room, as it was sent or deleted. */
  clear(room) {
    const { id, text } = this.#of(room);
    if (text) this.#store.drop(room, { id, text });
    this.#byRoom.set(room, emptyDraft());
  }

  /** Follow another tab that removed a draft; another draft written here is stored again. */
  droppedElsewhere(room, dropped) {
    const { id, text } = this.#of(room);
    if (id === dropped.id && text === dropped.text) this.#byRoom.set(room, emptyDraft());
    else if (text) this.update(room, text);
  }

  #of(room) {
    if (!this.#byRoom.has(room)) {
      const stored = this.#store.load(room);
      this.#byRoom.set(room, stored ? { ...stored, isSaved: true } : emptyDraft());
    }
    return this.#byRoom.get(room);
  }
}

function emptyDraft() {
  return { id: newClientId(), text: "", isSaved: true };
}
