/** Which pictures are shown, by their first bytes. Pure. */

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];
const RIFF = [0x52, 0x49, 0x46, 0x46];
const WEBP = [0x57, 0x45, 0x42, 0x50];

/** Return the media type of a PNG, JPEG or WebP; null of anything else. */
export function imageTypeOf(bytes) {
  if (hasAt(bytes, 0, PNG)) return "image/png";
  if (hasAt(bytes, 0, JPEG)) return "image/jpeg";
  return hasAt(bytes, 0, RIFF) && hasAt(bytes, 8, WEBP) ? "image/webp" : null;
}

function hasAt(bytes, start, expected) {
  return expected.every((byte, index) => bytes[start + index] === byte);
}
