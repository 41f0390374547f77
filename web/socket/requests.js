/** Requests that wait for their `ack` or `error`, each with a deadline. */
import { MAX_FRAME_BYTES } from "../model/limits.js";

/** Refusals that are worth another try, and no answer at all. */
const PASSING = new Set(["RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"]);

export class RequestError extends Error {
  constructor({ code, reason, message, retry_after_ms: retryAfterMs }) {
    super(message || reason || code);
    this.code = code;
    this.reason = reason ?? "";
    this.retryAfterMs = retryAfterMs;
  }

  get isPassing() {
    return PASSING.has(this.code);
  }
}

/** What the page says itself where the gateway cannot. */
export const TOO_LARGE = { code: "OUT_OF_RANGE", reason: "FRAME_TOO_LARGE", message: "too large for the gateway" };
export const UNREACHABLE = { code: "UNAVAILABLE", reason: "GATEWAY_UNREACHABLE", message: "the gateway is away" };
const LATE = { code: "DEADLINE_EXCEEDED", reason: "NO_ANSWER", message: "no answer in time" };

export function isTooLarge(json) {
  return json.length > MAX_FRAME_BYTES || new Blob([json]).size > MAX_FRAME_BYTES;
}

export class Requests {
  #waiting = new Map();

  /** Promise the answer to a request; `onLate` is called when there is none in time. */
  expect(id, deadlineMs, onLate) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(id, LATE);
        onLate();
      }, deadlineMs);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  /** Give an answer to whoever waits for it; false where nobody does. */
  settle(frame) {
    const request = this.#removeRequest(frame.id);
    if (!request) return false;
    if (frame.type === "ack") request.resolve(frame);
    else request.reject(new RequestError(frame));
    return true;
  }

  /** Tell all who wait that the connection is gone. */
  failAll(error) {
    for (const id of [...this.#waiting.keys()]) this.#fail(id, error);
  }

  #fail(id, error) {
    this.#removeRequest(id)?.reject(new RequestError(error));
  }

  #removeRequest(id) {
    const request = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (request) clearTimeout(request.timer);
    return request;
  }
}
