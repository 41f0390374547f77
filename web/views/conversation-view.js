/** The conversation: keeps the reader's place, or follows the newest message. */
import { laidOut } from "../model/layout.js";
import { mayMissBehind } from "../model/missing.js";
import { placeLine } from "../model/unread-line.js";
import { Window } from "../model/window.js";
import { byId } from "./dom.js";
import { whenResized } from "./resize.js";
import { KeyedList } from "./keyed.js";
import { showStart } from "./log-start.js";
import { messageRow } from "./message-row.js";
import { showNewestButton } from "./newest-button.js";
import { Place } from "./place.js";

export class ConversationView {
  #chat;
  #actions;
  #log = byId("log");
  #list = byId("messages");
  #place = new Place(this.#log);
  #window = new Window();
  #rows;
  #shown = null;
  #laid = [];
  #readArrivals = 0;
  #line = null;

  /** @param actions what message-state.js does with a message by client id; `loadOlder` of the active room */
  constructor(chat, avatars, actions) {
    this.#chat = chat;
    this.#actions = actions;
    this.#rows = new KeyedList(this.#list, (laid) => laid.key, (laid) => messageRow(laid, { chat, avatars, actions }));
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#log.addEventListener("scroll", actions.moved, { passive: true });
    byId("new-messages").addEventListener("click", () => this.follow());
    whenResized(this.#log, () => this.#window.follows && this.#place.goToEnd());
  }

  /** Whether the newest message is in sight. */
  get isAtEnd() {
    return this.#window.follows && this.#place.isAtEnd;
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
    placeLine(conversation, this.#chat.node?.peer_id);
    this.#log.setAttribute("aria-busy", String(conversation.older.state === "loading"));
    this.#laid = laidOut(this.#window.shownOf(conversation), this.#chat.surroundings);
    showStart(conversation, { isReady: this.#chat.isReady, isJoined: this.#chat.isJoined(conversation.room) });
    if (this.#window.follows) {
      this.#rows.show(this.#laid);
      this.#place.goToEnd();
      this.#goToLine(conversation.reading.line);
      this.#readArrivals = conversation.arrivals;
    } else {
      this.#place.keepDuring(this.#list.children, () => this.#rows.show(this.#laid));
    }
    showNewestButton(!this.#window.follows, conversation.arrivals - this.#readArrivals);
    this.#bringOlder(conversation);
  }

  /** A visit begins at the first unread message, where that is not in sight at the end. */
  #goToLine(line) {
    if (!line?.before || line === this.#line) return;
    this.#line = line;
    this.#place.showAtTop(this.#list.querySelector(".unread-line"));
  }

  #open(conversation) {
    if (this.#shown) this.#shown.isHeld = false;
    this.#shown = conversation;
    this.#rows.clear();
    this.#window.follow();
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
    const first = this.#laid[this.#place.firstVisible(this.#list.children)];
    const mayMiss = first !== undefined && mayMissBehind(conversation, first.message);
    if ((start === 0 && this.#place.isNearStart) || mayMiss) this.#actions.loadOlder();
  }
}
