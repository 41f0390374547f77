/**
 * Failures of the page itself: each is reported in the console and said by a
 * banner, so that nothing that was pressed is without a word.
 */

let hear = () => undefined;

/** Call `failed(error)` for every failure, also for those that nobody catches. */
export function watchFailures(failed) {
  hear = failed;
  window.addEventListener("error", ({ error }) => error && failed(error));
  window.addEventListener("unhandledrejection", ({ reason }) => failed(reason));
}

/** Report a failure that was caught so that the rest goes on. */
export function reportError(error) {
  console.error(error);
  hear(error);
}
