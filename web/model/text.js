/** Substitutes for what browsers of a few years ago lack. */

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|([\ud800-\udbff][\udc00-\udfff])|[\udc00-\udfff]/g;

/** Replace each half of a surrogate pair that stands alone; such text has no UTF-8. */
export function wellFormed(text) {
  return text.replace(LONE_SURROGATE, (_, pair) => pair ?? "\ufffd");
}

/** Read an absolute URL; null where it is none. */
export function urlFromText(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
