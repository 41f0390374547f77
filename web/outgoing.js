/** What becomes of the messages written here, from the key pressed to kept by the node. */
import { LOOK_FOR_UNSENT_MS } from "./limits.js";
import { newClientId } from "./model/messages.js";
import { Courier } from "./socket/courier.js";

export class Outgoing {
  #chat;
  #outbox;
  #courier;
  #touch;

  constructor({ chat, outbox, link, touch }) {
    this.#chat = chat;
    this.#outbox = outbox;
    this.#touch = touch;
    this.#courier = new Courier(link, outbox, {
      isReady: () => chat.isReady,
      kept: (entry, answer) => this.#kept(entry, answer),
      refused: (entry, error) => this.#refused(entry, error),
    });
  }

  /** Show what an earlier page left unsent, and look from then on what other tabs leave. */
  begin() {
    for (const entry of this.#outbox.entries) this.#chat.propose(entry);
    setInterval(() => this.goOn(), LOOK_FOR_UNSENT_MS);
    window.addEventListener("beforeunload", (event) => this.#outbox.isSafe || event.preventDefault());
  }

  /**
   * Send what waits, where it can be sent now. Two tabs may send the same: it has
   * the same id, and the node takes it once.
   */
  goOn() {
    for (const entry of this.#outbox.adopt()) {
      if (this.#chat.conversation(entry.room).holds(entry.id)) this.#outbox.remove(entry.id);
      else this.#touch(this.#chat.propose(entry));
    }
    this.#courier.pump();
  }

  send(text) {
    const entry = { id: newClientId(), room: this.#chat.activeRoom, text: text.toWellFormed(), time: new Date().toISOString() };
    this.#touch(this.#chat.propose(entry));
    this.#courier.post(entry);
  }

  /** Learn from the log that the node has a message; what is on its way will be answered. */
  heard(clientId) {
    this.#outbox.removeUnlessFlying(clientId);
  }

  retry(clientId) {
    this.#chat.active.mark(clientId, { state: "sending", failure: "" });
    this.#touch(["messages"]);
    this.#courier.retry(clientId);
  }

  /** Follow another tab, where a message that failed was removed. */
  droppedElsewhere(clientId) {
    const entry = this.#outbox.takeFailed(clientId);
    if (!entry) return;
    this.#chat.conversation(entry.room).withdraw(clientId);
    this.#touch(["messages"]);
  }

  remove(clientId) {
    this.#outbox.remove(clientId);
    this.#chat.active.withdraw(clientId);
    this.#touch(["messages"]);
  }

  #kept({ id, room }, { message_id: messageId, recipients }) {
    const author = this.#chat.node.peer_id;
    this.#chat.conversation(room).confirm(id, { messageId, author, recipients });
    this.#touch(["messages"]);
  }

  #refused({ id, room }, error) {
    this.#chat.conversation(room).mark(id, { state: "failed", failure: error.message });
    this.#touch(["messages"]);
  }
}
