/**
 * The connection to the gateway. It comes back by itself, says hello with the
 * last cursor each time, and matches answers to requests.
 */
import { CONNECTION_STABLE_MS, MAX_FRAME_BYTES, REQUEST_DEADLINE_MS } from "../limits.js";
import { pauseBefore } from "../model/backoff.js";
import { newClientId } from "../model/messages.js";
import { RequestError, Requests } from "./requests.js";

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
    const socket = new WebSocket(this.#url, this.#on.subprotocols());
    this.#socket = socket;
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = ({ data }) => socket === this.#socket && this.#received(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(socket, code);
    this.#on.change("connecting", 0);
  }

  /** Send a frame and promise its answer; rejects with a RequestError. */
  request(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new RequestError(AWAY));
    const id = frame.id ?? newClientId();
    const json = JSON.stringify({ ...frame, id });
    if (isTooLarge(json)) return Promise.reject(new RequestError(TOO_LARGE));
    const sentTime = Date.now();
    const answer = this.#requests.expect(id, REQUEST_DEADLINE_MS, () => this.#doubt(sentTime));
    this.#socket.send(json);
    return answer;
  }

  #opened(socket) {
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
    const socket = this.#socket;
    if (!socket || this.#lastFrameTime >= sentTime) return;
    socket.close();
    this.#closed(socket);
  }

  #closed(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    if (!this.#isGreeted) this.#on.turnedAway();
    this.#isGreeted = false;
    clearTimeout(this.#stableTimer);
    const pauseMs = pauseBefore(this.#attempt++, Math.random());
    this.#timer = setTimeout(() => this.open(), pauseMs);
    this.#on.change("waiting", Date.now() + pauseMs);
    this.#requests.failAll(code === MESSAGE_TOO_BIG ? TOO_LARGE : AWAY);
  }
}

function isTooLarge(json) {
  return json.length > MAX_FRAME_BYTES || new Blob([json]).size > MAX_FRAME_BYTES;
}

/** RFC 6455 section 7.4.1. */
const MESSAGE_TOO_BIG = 1009;
const TOO_LARGE = { code: "OUT_OF_RANGE", reason: "FRAME_TOO_LARGE", message: "too large for the gateway" };
const AWAY = { code: "UNAVAILABLE", reason: "GATEWAY_AWAY", message: "the gateway is away" };
