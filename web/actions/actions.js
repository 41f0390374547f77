/** What people and the gateway do to the page, each as one step. */
import { loadOlder } from "./older-messages.js";

/** Frames after which what waited for the node can go on. */
const WAKING = new Set(["snapshot", "node_state", "gap", "peer_blocked"]);

export class Actions {
  #chat;
  #source;
  #outgoing;
  #token;
  #route;
  #learning;
  #touch;
  #draw;

  /** @param learning what is to `loadAll()` after a snapshot; touch has the topics it is given drawn soon; `draw` draws them now */
  constructor({ chat, source, outgoing, learning, token, route, touch, draw }) {
    this.#chat = chat;
    this.#source = source;
    this.#outgoing = outgoing;
    this.#learning = learning;
    this.#token = token;
    this.#route = route;
    this.#touch = touch;
    this.#draw = draw;
  }

  start() {
    const followAddress = () => this.#showRoom(this.#route.room ?? this.#chat.activeRoom);
    this.#route.watch(followAddress);
    followAddress();
    this.#route.begin(this.#chat.activeRoom);
    this.#source.start();
  }

  receive(frame) {
    this.#touch(this.#chat.receive(frame));
    if (frame.client_message_id) this.#outgoing.foundInLog(frame.client_message_id);
    if (frame.type === "gap") this.#chat.conversations.forgetHistory();
    if (frame.type === "snapshot") this.#learnAll();
    if (WAKING.has(frame.type)) this.resume();
  }

  #learnAll() {
    for (const part of this.#learning) part.loadAll();
  }

  linkChanged(state, retryTime) {
    this.#touch(this.#chat.changeLink(state, retryTime, Date.now()));
  }

  measured(peers) {
    this.#chat.peers.measure(peers);
    this.#touch(["peers"]);
  }

  /** Show why the gateway does not let us in; return whether it refuses us. */
  turnedAway(admission) {
    const isRefused = this.#chat.link.turnAway(admission);
    this.#touch(["link"]);
    return isRefused;
  }

  enterToken(value) {
    this.#token.keep(value);
    this.#source.open();
  }

  enter(room) {
    this.#route.show(room);
    this.#showRoom(room);
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
    return loadOlder({ chat: this.#chat, source: this.#source, touch: this.#touch }, this.#chat.activeRoom);
  }

  #showRoom(room) {
    this.#touch(this.#chat.enter(room));
    this.#draw();
    this.resume();
  }

  /** Go on with what waits for the node, and bring what is shown where none of it is here. */
  resume() {
    if (!this.#chat.isReady) return;
    this.#outgoing.resume();
    if (this.#chat.active.older.state === "unknown") this.loadOlder();
  }
}
