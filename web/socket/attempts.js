/** When the gateway is tried again: after pauses that grow until a connection has stood a while. */
import { CONNECTION_STABLE_MS } from "../model/limits.js";
import { pauseBefore } from "../model/backoff.js";

export class Attempts {
  #count = 0;
  #timer = 0;
  #stableTimer = 0;

  /** Run something after a pause, in the place of what was to run before. */
  after(pauseMs, run) {
    this.cancel();
    this.#timer = setTimeout(run, pauseMs);
  }

  cancel() {
    clearTimeout(this.#timer);
  }

  /** Begin with the first pause again, should the connection stand long enough. */
  opened() {
    this.cancel();
    this.#stableTimer = setTimeout(() => (this.#count = 0), CONNECTION_STABLE_MS);
  }

  /** Return the pause before the next attempt, in ms. */
  closed() {
    clearTimeout(this.#stableTimer);
    return pauseBefore(this.#count++, Math.random());
  }
}
