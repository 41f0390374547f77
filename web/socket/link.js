/**
 * The connection to the gateway. It comes back by itself, says hello with the
 * last cursor each time, and matches answers to requests.
 */
import {
  CONNECTION_STABLE_MS,
  CONNECT_DEADLINE_MS,
  REQUEST_DEADLINE_MS,
  SIGN_OF_LIFE_MS,
  SILENCE_MS,
} from "../limits.js";
import { pauseBefore } from "../model/backoff.js";
import { newClientId } from "../model/messages.js";
import { AWAY, RequestError, Requests, TOO_LARGE, isTooLarge } from "./requests.js";

export class Link {
  #url;
  #on;
  #socket = null;
  #requests = new Requests();
  #attempt = 0;
  #isGreeted = false;
  #timer = 0;
  #stableTimer = 0;
  #lastFrameTime = 0;

  /**
   * @param on `subprotocols()` to offer and `hello()`, the frame to begin with;
   *   `receive(frame)`, `change(state, retryTime)` and `turnedAway()` hear
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  /** Try the gateway now. */
  open() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#giveUp(), CONNECT_DEADLINE_MS);
    const socket = new WebSocket(this.#url, this.#on.subprotocols());
    this.#socket = socket;
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = ({ data }) => socket === this.#socket && this.#received(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(socket, code);
    this.#on.change("connecting", 0);
  }

  /** Give a connection up that was silent for long and gives no sign of life when asked. */
  probe() {
    if (Date.now() - this.#lastFrameTime < SILENCE_MS) return;
    this.request({ type: "history", limit: 1 }, SIGN_OF_LIFE_MS).catch(() => undefined);
  }

  /** Send a frame and promise its answer; rejects with a RequestError. */
  request(frame, deadlineMs = REQUEST_DEADLINE_MS) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new RequestError(AWAY));
    const id = frame.id ?? newClientId();
    const json = JSON.stringify({ ...frame, id });
    if (isTooLarge(json)) return Promise.reject(new RequestError(TOO_LARGE));
    const sentTime = Date.now();
    const answer = this.#requests.expect(id, deadlineMs, () => this.#doubt(sentTime));
    this.#socket.send(json);
    return answer;
  }

  #opened(socket) {
    clearTimeout(this.#timer);
    this.#isGreeted = true;
    this.#stableTimer = setTimeout(() => (this.#attempt = 0), CONNECTION_STABLE_MS);
    socket.send(JSON.stringify(this.#on.hello()));
    this.#on.change("open", 0);
  }

  #received(frame) {
    this.#lastFrameTime = Date.now();
    const isAnswer = frame.type === "ack" || frame.type === "error";
    if (isAnswer && this.#requests.settle(frame)) return;
    this.#on.receive(frame);
  }

  /** A connection that brought nothing since a late request is a dead one. */
  #doubt(sentTime) {
    if (this.#lastFrameTime < sentTime) this.#giveUp();
  }

  /** Whoever does not answer does not say goodbye either: the close event may be far. */
  #giveUp() {
    const socket = this.#socket;
    socket?.close();
    this.#closed(socket, GIVEN_UP);
  }

  #closed(socket, code) {
    if (!socket || socket !== this.#socket) return;
    this.#socket = null;
    if (!this.#isGreeted && code !== GIVEN_UP) this.#on.turnedAway();
    this.#isGreeted = false;
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#timer);
    const pauseMs = pauseBefore(this.#attempt++, Math.random());
    this.#timer = setTimeout(() => this.open(), pauseMs);
    this.#on.change("waiting", Date.now() + pauseMs);
    this.#requests.failAll(code === MESSAGE_TOO_BIG ? TOO_LARGE : AWAY);
  }
}

/** RFC 6455 section 7.4.1. */
const MESSAGE_TOO_BIG = 1009;
/** No close code: the page closed. */
const GIVEN_UP = 0;
