/** What people and the gateway do to the page, each as one step. */
import { loadOlder } from "./history.js";
import { REFUSED_RECONNECT_MS } from "./limits.js";
import { roomFromHash, showRoomInAddress } from "./route.js";
import { askAdmission } from "./socket/admission.js";

/** Frames after which what waited for the node can go on. */
const WAKING = new Set(["snapshot", "node_state", "gap"]);

export class Actions {
  #chat;
  #link;
  #outgoing;
  #token;
  #touch;
  #draw;

  /** @param touch has the topics it is given drawn soon; `draw` draws them now */
  constructor({ chat, link, outgoing, token, touch, draw }) {
    this.#chat = chat;
    this.#link = link;
    this.#outgoing = outgoing;
    this.#token = token;
    this.#touch = touch;
    this.#draw = draw;
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
    this.#chat.link.turnAway(await askAdmission(this.#token.headers));
    if (this.#chat.link.refusal) this.#link.postpone(REFUSED_RECONNECT_MS);
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

  /** Say that the page itself failed; what it was about may not have been done. */
  failed(error) {
    this.#chat.failure = String(error?.message ?? error);
    this.#touch(["link"]);
  }

  /** @param kind of the notice that was read */
  dismiss(kind) {
    this.#chat[kind] = null;
    this.#touch(["link"]);
  }

  loadOlder() {
    return loadOlder({ chat: this.#chat, link: this.#link, touch: this.#touch }, this.#chat.activeRoom);
  }

  #turnTo(room) {
    this.#touch(this.#chat.enter(room));
    this.#draw();
    this.#goOn();
  }

  #goOn() {
    if (!this.#chat.isReady) return;
    this.#outgoing.goOn();
    if (this.#chat.active.older.state === "unknown") this.loadOlder();
  }
}
