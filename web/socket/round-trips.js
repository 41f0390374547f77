/** Asks from time to time how far the peers are; no event reports that. */
import { FIRST_ROUND_TRIPS_MS, ROUND_TRIPS_MS } from "../model/limits.js";

/**
 * Ask soon, and then again and again while somebody looks at the page.
 *
 * @param headers gives the headers of a request
 * @param measured is called with the peers
 */
export function watchRoundTrips({ isReady, headers, measured }) {
  const ask = async () => {
    if (document.visibilityState === "visible" && isReady()) await askOnce(headers(), measured);
    setTimeout(ask, ROUND_TRIPS_MS);
  };
  setTimeout(ask, FIRST_ROUND_TRIPS_MS);
}

/** What is not answered now is asked again later; the banner reports the rest. */
async function askOnce(headers, measured) {
  try {
    const answer = await fetch(new URL("api/peers", document.baseURI), { headers });
    if (answer.ok) measured((await answer.json()).peers);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
