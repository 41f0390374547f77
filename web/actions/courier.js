/**
 * Carries the outbox to the node: in order, so many at once, again while nobody
 * knows what became of it, and always under the same id, by which the node accepts
 * it once, over its restarts too.
 */
import { MAX_IN_FLIGHT, REFUSED_PAUSE_MS } from "../model/limits.js";
import { frameOfKey } from "../model/places.js";

export class Courier {
  #inFlight = 0;
  #timer = 0;

  /** @param on `isReady()`; `kept(entry, answer)` and `refused(entry, error)` are called */
  constructor(source, outbox, on) {
    this.source = source;
    this.outbox = outbox;
    this.on = on;
  }

  /** Write a message down and send it as soon as it can be. */
  post(entry) {
    this.outbox.add(entry);
    this.pump();
  }

  retry(id) {
    this.outbox.requeue(id);
    this.pump();
  }

  /** Send what waits, as far as it may be sent now. */
  pump() {
    while (!this.#timer && this.#inFlight < MAX_IN_FLIGHT && this.on.isReady()) {
      const entry = this.outbox.claimNext();
      if (!entry) return;
      this.#send(entry);
    }
  }

  async #send(entry) {
    this.#inFlight += 1;
    const { id, room, text } = entry;
    const frame = { type: "publish", id, client_message_id: id, ...frameOfKey(room), text };
    try {
      const answer = await this.source.request(frame);
      this.outbox.remove(id);
      this.on.kept(entry, answer);
    } catch (error) {
      this.#refused(entry, error);
    }
    this.#inFlight -= 1;
    this.pump();
  }

  #refused(entry, error) {
    if (!error.isPassing) {
      this.outbox.fail(entry.id);
      this.on.refused(entry, error);
      return;
    }
    this.outbox.requeue(entry.id);
    this.#pause(error.retryAfterMs ?? REFUSED_PAUSE_MS);
  }

  #pause(pauseMs) {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.pump();
    }, pauseMs);
  }
}
