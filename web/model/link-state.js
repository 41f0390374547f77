/** How the connection to the gateway stands; changed by what the link tells. */

export class LinkState {
  /** `connecting`, `open` or `waiting` until `retryTime`. */
  state = "connecting";
  retryTime = 0;
  /** Since when it is not open; 0 while it is. */
  awaySince = 0;
  /** Whether the gateway does not let us in without its token. */
  isTokenWanted = false;

  change(state, retryTime, now) {
    const isOpen = state === "open";
    this.awaySince = isOpen ? 0 : this.awaySince || now;
    this.isTokenWanted = this.isTokenWanted && !isOpen;
    this.state = state;
    this.retryTime = retryTime;
  }
}
