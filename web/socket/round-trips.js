/** Asks from time to time how far the peers are; no event tells that. */
import { FIRST_ROUND_TRIPS_MS, ROUND_TRIPS_MS } from "../limits.js";

/**
 * Ask soon, and then again and again while somebody looks at the page.
 *
 * @param headers gives the headers of a request
 * @param take hears the peers
 */
export function watchRoundTrips({ isReady, headers, take }) {
  const ask = async () => {
    if (document.visibilityState === "visible" && isReady()) await askOnce(headers(), take);
    setTimeout(ask, ROUND_TRIPS_MS);
  };
  setTimeout(ask, FIRST_ROUND_TRIPS_MS);
}

/** What is not answered now is asked again later; the banner tells of the rest. */
async function askOnce(headers, take) {
  try {
    const answer = await fetch(new URL("api/peers", document.baseURI), { headers });
    if (answer.ok) take((await answer.json()).peers);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
