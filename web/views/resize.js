/** Hears when an element gets another size; with an old browser, when the window does. */

export function whenResized(element, resized) {
  if (typeof ResizeObserver === "function") new ResizeObserver(resized).observe(element);
  else window.addEventListener("resize", resized);
}
