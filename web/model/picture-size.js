/** How large a picture is drawn so that it is small enough for a profile. Pure. */

/** The largest picture of a profile. */
export const MAX_PICTURE_BYTES = 16_384;
/** What is tried, the best first: the side in pixels and the quality. */
export const PICTURE_ATTEMPTS = [[192, 0.85], [160, 0.8], [128, 0.75], [96, 0.7], [64, 0.6]];

/** The largest square in the middle of a picture: `[x, y, side]`. */
export function middleSquare(width, height) {
  const side = Math.min(width, height);
  return [(width - side) / 2, (height - side) / 2, side];
}
