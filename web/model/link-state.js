/** How the connection to the gateway stands; changed by what the link reports. */
import { FAILURES_BEFORE_BLOCKED } from "./limits.js";

export class LinkState {
  /** `connecting`, `open` or `waiting` until `retryTime`. */
  state = "connecting";
  retryTime = 0;
  /** Since when it is not open; 0 while it is. */
  closedSince = 0;
  /** Why the gateway does not let us in: `{reason, message}`, or null. */
  refusal = null;
  #failures = 0;

  /** Whether the gateway does not let us in without its token. */
  get isTokenWanted() {
    return this.refusal?.reason === TOKEN_REQUIRED;
  }

  change(state, retryTime, now) {
    const isOpen = state === "open";
    this.closedSince = isOpen ? 0 : this.closedSince || now;
    if (isOpen) this.refusal = null;
    if (isOpen) this.#failures = 0;
    this.state = state;
    this.retryTime = retryTime;
  }

  /**
   * Record what the gateway answers over HTTP when no connection could be opened;
   * return whether it refuses us, so that there is no hurry to try it again. An answer
   * that comes once a connection is open is about an attempt before it.
   */
  turnAway({ isReached, refusal }) {
    if (this.state === "open") return false;
    this.#failures = isReached ? this.#failures + 1 : 0;
    const isBlocked = this.#failures >= FAILURES_BEFORE_BLOCKED;
    this.refusal = refusal ?? (isBlocked ? WEBSOCKET_BLOCKED : null);
    return refusal !== null;
  }
}

const TOKEN_REQUIRED = "TOKEN_REQUIRED";
const WEBSOCKET_BLOCKED = {
  reason: "WEBSOCKET_BLOCKED",
  message: "it answers, but no WebSocket comes through; a proxy in between may not pass it on",
};
