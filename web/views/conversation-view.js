/** The conversation: keeps the reader's place, or follows the newest message. */
import { MAX_RENDERED } from "../model/limits.js";
import { laidOut } from "../model/layout.js";
import { Window } from "../model/window.js";
import { byId, setText } from "./dom.js";
import { whenResized } from "./resize.js";
import { count } from "./formats.js";
import { KeyedList } from "./keyed.js";
import { showStart } from "./log-start.js";
import { messageRow } from "./message-row.js";
import { Place } from "./place.js";

export class ConversationView {
  #chat;
  #actions;
  #log = byId("log");
  #list = byId("messages");
  #button = byId("new-messages");
  #place = new Place(this.#log);
  #window = new Window();
  #rows;
  #shown = null;
  #laid = [];
  #readArrivals = 0;

  /** @param actions what message-state.js does with a message by client id; `loadOlder` of the active room */
  constructor(chat, avatars, actions) {
    this.#chat = chat;
    this.#actions = actions;
    this.#rows = new KeyedList(this.#list, (laid) => laid.key, (laid) => messageRow(laid, { chat, avatars, actions }));
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#button.addEventListener("click", () => this.follow());
    whenResized(this.#log, () => this.#window.follows && this.#place.goToEnd());
  }

  /** Go to the newest message and stay with it. */
  follow() {
    this.#window.follow();
    this.render();
  }

  render() {
    const conversation = this.#chat.active;
    if (conversation !== this.#shown) this.#open(conversation);
    conversation.isHeld = !this.#window.follows;
    this.#log.setAttribute("aria-busy", String(conversation.older.state === "loading"));
    this.#laid = laidOut(this.#visible(conversation), this.#chat.surroundings);
    showStart(conversation, { isReady: this.#chat.isReady, isJoined: this.#chat.isJoined(conversation.room) });
    if (this.#window.follows) {
      this.#rows.show(this.#laid);
      this.#place.goToEnd();
      this.#readArrivals = conversation.arrivals;
    } else {
      this.#place.keepDuring(this.#list.children, () => this.#rows.show(this.#laid));
    }
    this.#showButton(conversation.arrivals - this.#readArrivals);
    this.#bringOlder(conversation);
  }

  #open(conversation) {
    if (this.#shown) this.#shown.isHeld = false;
    this.#shown = conversation;
    this.#rows.clear();
    this.#window.follow();
  }

  #visible({ messages, pending }) {
    const [start, end] = this.#window.rangeIn(messages);
    const shown = messages.slice(start, end);
    if (end === messages.length) shown.push(...pending.values());
    return shown.slice(-MAX_RENDERED);
  }

  #showButton(arrived) {
    this.#button.hidden = this.#window.follows;
    setText(byId("new-messages-label"), arrived > 0 ? `${count(arrived, "new message")}, go to the newest` : "Go to the newest message");
    byId("new-messages-count").hidden = arrived <= 0;
    setText(byId("new-messages-count"), arrived > 99 ? "99+" : String(arrived));
  }

  #scrolled() {
    const { messages } = this.#chat.active;
    const wasFollowing = this.#window.follows;
    if (!this.#place.isAtEnd) this.#window.stay(messages);
    const isMoved = this.#move(messages);
    if (isMoved || wasFollowing !== this.#window.follows) this.render();
    else this.#bringOlder(this.#chat.active);
  }

  #move(messages) {
    if (this.#place.isNearEnd && this.#window.down(messages)) return true;
    if (this.#place.isAtEnd) {
      this.#window.follow();
      return false;
    }
    return this.#place.isNearStart && this.#window.up(messages);
  }

  /** Also after a page that put nothing above the reader, who then cannot scroll on. */
  #bringOlder(conversation) {
    if (conversation.older.state !== "more") return;
    const [start] = this.#window.rangeIn(conversation.messages);
    if ((start === 0 && this.#place.isNearStart) || this.#mayMissInSight(conversation)) this.#actions.loadOlder();
  }

  #mayMissInSight(conversation) {
    const first = this.#laid[this.#place.firstVisible(this.#list.children)];
    return first !== undefined && conversation.mayMissBehind(first.message);
  }
}
