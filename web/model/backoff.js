/** How long to wait before the gateway is tried again. */
import { RECONNECT_FIRST_MS, RECONNECT_LONGEST_MS } from "./limits.js";

/**
 * Double the pause with every attempt, up to the longest, and make a part of it
 * random, so that many pages do not come back at the same moment.
 *
 * @param attempt 0 for the first pause
 * @param chance 0 to 1
 */
export function pauseBefore(attempt, chance) {
  const longest = Math.min(RECONNECT_LONGEST_MS, RECONNECT_FIRST_MS * 2 ** attempt);
  return longest / 2 + (longest / 2) * chance;
}
