/** A peer's picture: its pattern in its colour. */
import { hueOf, patternOf } from "../model/author.js";
import { svg } from "./dom.js";

export function identicon(peerId) {
  const picture = svg(
    "svg",
    { class: "identicon", viewBox: "-1.5 -1.5 8 8", "aria-hidden": "true" },
    svg("path", { d: patternOf(peerId) }),
  );
  return coloured(picture, peerId);
}

/** Let an element use the colour of a peer. */
export function coloured(element, peerId) {
  element.style.setProperty("--hue", hueOf(peerId));
  return element;
}
