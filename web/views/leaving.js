/** Asks before the page is left while something that was written would be lost. */

/** @param isSafe returns whether everything that was written would outlive the page */
export function askBeforeLeaving(isSafe) {
  window.addEventListener("beforeunload", (event) => isSafe() || event.preventDefault());
}
