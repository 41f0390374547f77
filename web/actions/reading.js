/** Tells the node what is read, and asks it; every page of the node agrees. */
import { READ_PAUSE_MS } from "../model/limits.js";
import { frameOfKey } from "../model/places.js";
import { READER, learnConversations } from "../model/reading.js";

export class Reading {
  #chat;
  #source;
  #touch;
  #timer = 0;

  constructor({ chat, source, touch }) {
    this.#chat = chat;
    this.#source = source;
    this.#touch = touch;
  }

  /** Learn what is unread, from a node that holds it. */
  async loadAll() {
    if (!this.#chat.can("list_conversations")) return;
    for (let token = ""; token !== null; ) {
      const frame = { type: "list_conversations", reader: READER, page_token: token };
      const answer = await this.#source.request(frame).catch(() => null);
      this.#touch(learnConversations(this.#chat, answer?.conversations ?? []));
      token = answer?.next_page_token ?? null;
    }
  }

  /** Somebody sees the newest messages of the conversation that is shown. */
  seen() {
    const { reading } = this.#chat.active;
    if (!reading.isBehind) return;
    reading.clear();
    this.#touch(["rooms"]);
    this.#tellSoon(this.#chat.activeRoom);
  }

  /** Leave a message and all that came after it unread. */
  async keepUnread({ room: key, cursor, id }) {
    const frame = { type: "history", ...frameOfKey(key), before: cursor, limit: 1 };
    const [before] = (await this.#source.request(frame)).messages;
    const marker = before?.cursor ?? "";
    const { reading } = this.#chat.conversation(key);
    reading.isKeptUnread = true;
    reading.keepUnread(marker, await this.#mark(key, marker), id);
    this.#touch(["rooms", "messages"]);
  }

  /** Several messages that come together are read together. */
  #tellSoon(key) {
    if (!this.#chat.can("set_read_marker")) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const { reading } = this.#chat.conversation(key);
      if (reading.newestCursor && !reading.isKeptUnread) this.#mark(key, reading.newestCursor).catch(() => undefined);
    }, READ_PAUSE_MS);
  }

  #mark(key, cursor) {
    return this.#source.request({ type: "set_read_marker", reader: READER, ...frameOfKey(key), cursor });
  }
}
