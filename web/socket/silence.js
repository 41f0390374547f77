/**
 * Looks after a connection that may have died without a word, as over a laptop's
 * sleep: nothing reports that to the page, so it asks. Only while somebody looks at it.
 */
import { SILENCE_MS } from "../model/limits.js";

export function watchSilence(link) {
  const look = () => document.visibilityState === "visible" && link.probe();
  document.addEventListener("visibilitychange", look);
  window.addEventListener("online", look);
  setInterval(look, SILENCE_MS);
}
