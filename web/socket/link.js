/**
 * The connection to the gateway. It comes back by itself, says hello with the
 * last cursor each time, and matches answers to requests.
 */
import { CONNECT_DEADLINE_MS, REQUEST_DEADLINE_MS, SIGN_OF_LIFE_MS, SILENCE_MS } from "../model/limits.js";
import { newClientId } from "../model/messages.js";
import { Attempts } from "./attempts.js";
import { RequestError, Requests, TOO_LARGE, UNREACHABLE, isTooLarge } from "./requests.js";

export class Link {
  #url;
  #on;
  #socket = null;
  #requests = new Requests();
  #attempts = new Attempts();
  #isGreeted = false;
  #lastFrameTime = 0;

  /**
   * @param on `subprotocols()` to offer and `hello()`, the frame to begin with;
   *   `receive(frame)`, `change(state, retryTime)` and `turnedAway()` are called
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  /** Try the gateway now. */
  open() {
    if (this.#socket) return;
    this.#attempts.after(CONNECT_DEADLINE_MS, () => this.#giveUp());
    const socket = new WebSocket(this.#url, this.#on.subprotocols());
    this.#socket = socket;
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = ({ data }) => socket === this.#socket && this.#received(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(socket, code);
    this.#on.change("connecting", 0);
  }

  /** Try again only after a pause: the gateway refuses us, and would again. */
  postpone(pauseMs) {
    if (!this.#socket) this.#openAfter(pauseMs);
  }

  /** Give a connection up that was silent for long and gives no sign of life when asked. */
  probe() {
    if (Date.now() - this.#lastFrameTime < SILENCE_MS) return;
    this.request({ type: "history", limit: 1 }, SIGN_OF_LIFE_MS).catch(() => undefined);
  }

  /** Send a frame and promise its answer; rejects with a RequestError. */
  request(frame, deadlineMs = REQUEST_DEADLINE_MS) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new RequestError(UNREACHABLE));
    const id = frame.id ?? newClientId();
    const json = JSON.stringify({ ...frame, id });
    if (isTooLarge(json)) return Promise.reject(new RequestError(TOO_LARGE));
    const sentTime = Date.now();
    const answer = this.#requests.expect(id, deadlineMs, () => this.#doubt(sentTime));
    this.#socket.send(json);
    return answer;
  }

  #opened(socket) {
    this.#attempts.opened();
    this.#isGreeted = true;
    socket.send(JSON.stringify(this.#on.hello()));
    this.#on.change("open", 0);
  }

  #received(frame) {
    this.#lastFrameTime = Date.now();
    const isAnswer = frame.type === "ack" || frame.type === "error";
    if (isAnswer) this.#requests.settle(frame);
    else this.#on.receive(frame);
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
    this.#openAfter(this.#attempts.closed());
    this.#requests.failAll(code === MESSAGE_TOO_BIG ? TOO_LARGE : UNREACHABLE);
  }

  #openAfter(pauseMs) {
    this.#attempts.after(pauseMs, () => this.open());
    this.#on.change("waiting", Date.now() + pauseMs);
  }
}

/** RFC 6455 section 7.4.1. */
const MESSAGE_TOO_BIG = 1009;
/** No close code: the page closed. */
const GIVEN_UP = 0;
