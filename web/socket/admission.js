/**
 * Asks why the gateway does not let this page in. A browser does not show a page
 * the answer to a refused upgrade, so the same is asked over HTTP.
 */

const PATH = "api/access";
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const REFUSING = [UNAUTHORIZED, FORBIDDEN];

/**
 * @param headers of a request
 * @returns promises `{isReached, refusal}`: whether the gateway answered, and the
 *   `reason` and `message` of a refusal, or null
 */
export async function askAdmission(headers) {
  const url = new URL(PATH, document.baseURI);
  url.searchParams.set("origin", url.origin);
  try {
    const answer = await fetch(url, { headers });
    return admissionOf(answer.status, await answer.json());
  } catch {
    return { isReached: false, refusal: null };
  }
}

/** A refusal has a reason; without one the answer is a proxy's and not the gateway's. */
function admissionOf(status, { code, reason = "", message = "" }) {
  const isRefusal = REFUSING.includes(status) || code === "RESOURCE_EXHAUSTED";
  return { isReached: true, refusal: isRefusal && reason ? { reason, message } : null };
}
