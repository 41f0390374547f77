/** Joining and leaving rooms, and sending to one that is not joined yet. */
import { entriesOf } from "../model/entries.js";
import { flawOfRoomName } from "../model/room-names.js";

export class Membership {
  #chat;
  #source;
  #outgoing;
  #enter;

  /** @param enter shows a room */
  constructor({ chat, source, outgoing, enter }) {
    this.#chat = chat;
    this.#source = source;
    this.#outgoing = outgoing;
    this.#enter = enter;
  }

  async join(room) {
    const flaw = flawOfRoomName(room);
    if (flaw) throw new Error(flaw);
    const answer = await this.#source.request({ type: "join", room });
    this.#enter(answer.room.name);
  }

  /** Leave a room and show the one with the latest message. */
  async leave(room) {
    await this.#source.request({ type: "leave", room });
    if (this.#chat.activeRoom !== room) return;
    const [next] = entriesOf(this.#chat).filter(({ key }) => key !== room);
    if (next) this.#enter(next.key);
  }

  /** Send texts in their order; promises where their room is to be joined first. */
  send(texts, room) {
    const sendAll = () => {
      for (const text of texts) this.#outgoing.send(text, room);
    };
    return this.#chat.isJoined(room) ? sendAll() : this.join(room).then(sendAll);
  }

  /** Join the room of a message that was refused for that, and send it. */
  async joinAndRetry(clientId) {
    await this.join(this.#outgoing.roomOf(clientId));
    this.#outgoing.retry(clientId);
  }
}
