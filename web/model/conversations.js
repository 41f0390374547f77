/** The conversations of all rooms; one is created when its room is first named. */
import { Conversation } from "./conversation.js";

export class Conversations {
  #byRoom = new Map();

  of(room) {
    if (!this.#byRoom.has(room)) this.#byRoom.set(room, new Conversation(room));
    return this.#byRoom.get(room);
  }

  /** Somebody is in these rooms: what nobody had received is on its way. */
  handOver(rooms) {
    for (const room of rooms) this.#byRoom.get(room)?.handOver();
  }

  /** Somebody is blocked: what they wrote is shown no more. */
  dropAuthor(peerId) {
    for (const conversation of this.#byRoom.values()) conversation.dropAuthor(peerId);
  }

  /** Have the newest messages of every room asked for once more. */
  forgetHistory() {
    for (const conversation of this.#byRoom.values()) {
      conversation.older = { state: "unknown", cursor: null, expired: false };
    }
  }
}
