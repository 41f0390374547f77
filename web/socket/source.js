/**
 * The gateway, as the rest of the page knows it: one port to send requests through
 * and to receive events from. What goes over the WebSocket and what over HTTP is
 * decided behind it; tests of the actions put a fake in its place.
 */
import { REFUSED_RECONNECT_MS } from "../model/limits.js";
import { askAdmission } from "./admission.js";
import { Link } from "./link.js";
import { watchRoundTrips } from "./round-trips.js";
import { watchSilence } from "./silence.js";

export class Source {
  #link;
  #token;
  #on;

  /**
   * @param token `subprotocols` and `headers` that let us in
   * @param on `hello()` gives the first frame, `isReady()` whether the node answers;
   *   `receive(frame)`, `change(state, retryTime)` and `measured(peers)` are called, and
   *   `turnedAway(admission)` returns whether to rest before the next attempt
   */
  constructor(token, on) {
    this.#token = token;
    this.#on = on;
    this.#link = new Link(new URL("ws", document.baseURI).href.replace(/^http/, "ws"), {
      subprotocols: () => token.subprotocols,
      hello: on.hello,
      receive: on.receive,
      change: on.change,
      turnedAway: () => this.#turnedAway(),
    });
  }

  /** Open the connection and keep it from then on. */
  start() {
    this.open();
    window.addEventListener("online", () => this.open());
    watchSilence(this.#link);
    watchRoundTrips({
      isReady: this.#on.isReady,
      headers: () => this.#token.headers,
      measured: this.#on.measured,
    });
  }

  /** Try the gateway now. */
  open() {
    this.#link.open();
  }

  /** Send a frame and promise its answer; rejects with a RequestError. */
  request(frame) {
    return this.#link.request(frame);
  }

  async #turnedAway() {
    const isToRest = this.#on.turnedAway(await askAdmission(this.#token.headers));
    if (isToRest) this.#link.postpone(REFUSED_RECONNECT_MS);
  }
}
