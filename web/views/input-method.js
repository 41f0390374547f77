/**
 * Keeps the keys of an input method from the page: the Enter that ends a
 * composition sends nothing, in any field. Mounted once, for the whole document.
 *
 * Browsers report that Enter in different ways: while the composition lasts
 * (`isComposing`), as the key `Process`, with the key code 229 after
 * `compositionend` (Safari), or as an ordinary Enter of the same tick.
 */

/** The `keyCode` of a key that an input method handles: UI Events, section 7.3.1. */
const INPUT_METHOD_KEY_CODE = 229;

export function mountInputMethod(target = document, { userAgent } = navigator) {
  let hasJustEnded = false;
  // Android's keyboards compose every word, so an Enter after one is a key of its own.
  const isWordwise = /Android/.test(userAgent);
  const ended = () => {
    if (isWordwise) return;
    hasJustEnded = true;
    setTimeout(() => (hasJustEnded = false));
  };
  const pressed = (event) => {
    if (!isOfInputMethod(event) && !hasJustEnded) return;
    event.stopImmediatePropagation();
    if (event.key === "Enter") event.preventDefault();
  };
  target.addEventListener("compositionend", ended, true);
  target.addEventListener("keydown", pressed, true);
}

function isOfInputMethod({ isComposing, keyCode, key }) {
  return isComposing || keyCode === INPUT_METHOD_KEY_CODE || key === "Process";
}
