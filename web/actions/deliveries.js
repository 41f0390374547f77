/** Asks the node who has a message; what changes is reported without being asked. */
import { deliveryOf } from "../model/delivery.js";

export class Deliveries {
  #chat;
  #source;
  #touch;
  #asked = new Set();

  constructor({ chat, source, touch }) {
    this.#chat = chat;
    this.#source = source;
    this.#touch = touch;
  }

  /** Learn who has a message of one's own, once a page; promises nothing that is waited for. */
  async look(message) {
    const { id, author, room } = message;
    const isOwn = author === this.#chat.node?.peer_id && message.state === "sent" && !message.isProposed;
    if (!isOwn || message.delivery || this.#asked.has(id) || !this.#chat.can("get_message")) return;
    this.#asked.add(id);
    const answer = await this.#source.request({ type: "get_message", message_id: id }).catch(() => null);
    const known = answer && this.#chat.conversation(room).find(id);
    if (!known) return;
    known.delivery = deliveryOf(answer);
    this.#touch(["messages"]);
  }

  /** Look at the newest message of one's own that is shown: what became of it is said. */
  lookAtNewest() {
    const { messages } = this.#chat.active;
    for (let index = messages.length - 1; index >= 0; index -= 1) {
      if (messages[index].author === this.#chat.node?.peer_id) return void this.look(messages[index]);
    }
  }
}
