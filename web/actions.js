/** What people and the gateway do to the page, each as one step. */
import { loadOlder } from "./history.js";
import { roomFromHash, showRoomInAddress } from "./route.js";

/** Frames after which what waited for the node can go on. */
const WAKING = new Set(["snapshot", "node_state", "gap"]);

export class Actions {
  #chat;
  #link;
  #outgoing;
  #token;
  #touch;

  /** @param touch draws the topics it is given */
  constructor({ chat, link, outgoing, token, touch }) {
    this.#chat = chat;
    this.#link = link;
    this.#outgoing = outgoing;
    this.#token = token;
    this.#touch = touch;
  }

  begin() {
    const followAddress = () => this.#turnTo(roomFromHash() ?? this.#chat.activeRoom);
    window.addEventListener("hashchange", followAddress);
    window.addEventListener("online", () => this.#link.open());
    followAddress();
    this.#link.open();
  }

  receive(frame) {
    this.#touch(this.#chat.receive(frame));
    if (frame.client_message_id) this.#outgoing.heard(frame.client_message_id);
    if (frame.type === "gap") this.#chat.conversations.forgetHistory();
    if (WAKING.has(frame.type)) this.#goOn();
  }

  linkChanged(state, retryTime) {
    this.#touch(this.#chat.changeLink(state, retryTime, Date.now()));
  }

  measured(peers) {
    this.#chat.peers.measure(peers);
    this.#touch(["peers"]);
  }

  async turnedAway() {
    this.#chat.link.isTokenWanted = await this.#token.isWanted();
    this.#touch(["link"]);
  }

  enterToken(value) {
    this.#token.keep(value);
    this.#link.open();
  }

  enter(room) {
    showRoomInAddress(room);
    this.#turnTo(room);
  }

  async join(room) {
    const answer = await this.#link.request({ type: "join", room });
    this.enter(answer.room.name);
  }

  async leave(room) {
    await this.#link.request({ type: "leave", room });
    const next = this.#chat.rooms.find((other) => other !== room);
    if (next) this.enter(next);
  }

  dial(address) {
    return this.#link.request({ type: "connect", address });
  }

  dismissGap() {
    this.#chat.gap = null;
    this.#touch(["link"]);
  }

  loadOlder() {
    return loadOlder({ chat: this.#chat, link: this.#link, touch: this.#touch }, this.#chat.activeRoom);
  }

  #turnTo(room) {
    this.#touch(this.#chat.enter(room));
    this.#goOn();
  }

  #goOn() {
    if (!this.#chat.isReady) return;
    this.#outgoing.goOn();
    if (this.#chat.active.older.state === "unknown") this.loadOlder();
  }
}
