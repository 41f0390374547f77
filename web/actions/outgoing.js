/** What becomes of the messages written here, from the key pressed until the node has stored them. */
import { LOOK_FOR_UNSENT_MS } from "../model/limits.js";
import { newClientId } from "../model/messages.js";
import { wellFormed } from "../model/text.js";
import { Courier } from "./courier.js";

export class Outgoing {
  #chat;
  #outbox;
  #courier;
  #touch;

  constructor({ chat, outbox, source, touch }) {
    this.#chat = chat;
    this.#outbox = outbox;
    this.#touch = touch;
    this.#courier = new Courier(source, outbox, {
      isReady: () => chat.isReady,
      kept: (entry, answer) => this.#kept(entry, answer),
      refused: (entry, error) => this.#refused(entry, error),
    });
  }

  /** Show what an earlier page left unsent, and look from then on what other tabs leave. */
  start() {
    for (const entry of this.#outbox.entries) this.#chat.propose(entry);
    setInterval(() => this.resume(), LOOK_FOR_UNSENT_MS);
  }

  /**
   * Send what waits, where it can be sent now. Two tabs may send the same: it has
   * the same id, and the node accepts it once.
   */
  resume() {
    for (const entry of this.#outbox.adopt()) {
      if (isInLog(this.#chat.conversation(entry.room), entry.id)) this.#outbox.remove(entry.id);
      else this.#touch(this.#chat.propose(entry));
    }
    this.#courier.pump();
  }

  /** Send a text to a room; by default to the one that is shown. */
  send(text, room = this.#chat.activeRoom) {
    const entry = { id: newClientId(), room, text: wellFormed(text), time: new Date().toISOString() };
    this.#touch(this.#chat.propose(entry));
    this.#courier.post(entry);
  }

  /** Learn from the log that the node has a message; what is on its way will be answered. */
  foundInLog(clientId) {
    this.#outbox.removeUnlessFlying(clientId);
  }

  retry(clientId) {
    this.#conversationOf(clientId)?.mark(clientId, { state: "sending", failure: "", failureReason: "" });
    this.#touch(["messages"]);
    this.#courier.retry(clientId);
  }

  /** The room of a message that is not sent. */
  roomOf(clientId) {
    return this.#outbox.entry(clientId)?.room;
  }

  /** Follow another tab, where a message that failed was removed. */
  droppedElsewhere(clientId) {
    const entry = this.#outbox.removeFailed(clientId);
    if (!entry) return;
    this.#chat.conversation(entry.room).withdraw(clientId);
    this.#touch(["messages"]);
  }

  remove(clientId) {
    this.#conversationOf(clientId)?.withdraw(clientId);
    this.#outbox.remove(clientId);
    this.#touch(["messages"]);
  }

  #conversationOf(clientId) {
    const entry = this.#outbox.entry(clientId);
    return entry && this.#chat.conversation(entry.room);
  }

  #kept({ id, room }, { message_id: messageId, recipients }) {
    const author = this.#chat.node.peer_id;
    this.#chat.conversation(room).confirm(id, { messageId, author, recipients });
    this.#touch(["messages"]);
  }

  #refused(entry, error) {
    const { id, room } = entry;
    if (error.reason === ID_REUSED && !entry.isRenamed) return this.#sendRenamed(entry);
    this.#chat.conversation(room).mark(id, { state: "failed", failure: error.message, failureReason: error.reason });
    this.#touch(["messages"]);
  }

  /**
   * Send a text whose id the node knows of another one: under that id it is not
   * stored, so under a new one it is not sent twice.
   */
  #sendRenamed({ id, room, text, time }) {
    const entry = { id: newClientId(), room, text, time, isRenamed: true };
    this.#chat.propose(entry);
    this.#courier.post(entry);
    this.remove(id);
  }
}

/** Whether a message of one's own is here as the log reported it. */
function isInLog({ messages }, clientId) {
  return messages.some((message) => message.clientId === clientId);
}

const ID_REUSED = "CLIENT_MESSAGE_ID_REUSED";
