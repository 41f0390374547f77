/** How a peer looks: a short id, a colour and a pattern, always the same. */

const SHORT_LENGTH = 8;
const GRID = 5;
const HALF = Math.ceil(GRID / 2);

/** Name a peer by the end of its id; all beginnings are alike. */
export function shortId(peerId) {
  return peerId.slice(-SHORT_LENGTH);
}

/** Give a peer's colour, as a hue in degrees. */
export function hueOf(peerId) {
  return hash(peerId, 7) % 360;
}

/** Draw a peer's pattern as an SVG path in a square of five by five. */
export function patternOf(peerId) {
  const bits = hash(peerId, 31);
  let path = "";
  for (let cell = 0; cell < GRID * HALF; cell += 1) {
    if (((bits >>> cell) & 1) === 0) continue;
    const x = cell % HALF;
    const y = Math.floor(cell / HALF);
    path += square(x, y);
    if (x !== GRID - 1 - x) path += square(GRID - 1 - x, y);
  }
  return path || square(2, 2);
}

function square(x, y) {
  return `M${x} ${y}h1v1h-1z`;
}

/** FNV-1a, 32 bits, with a last stir so that every bit depends on all. */
function hash(text, seed) {
  let value = 2166136261 ^ seed;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 16777619);
  }
  value = Math.imul(value ^ (value >>> 16), 2246822507);
  return (value ^ (value >>> 13)) >>> 0;
}
