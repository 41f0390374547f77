/** An address as a QR code that phones can scan, in dark mode too. */
import { encode } from "../vendor/uqr/uqr.js";
import { svg } from "./dom.js";

const QUIET_ZONE = 2;

/** @param label what a screen reader says of it */
export function qrCode(text, label = `QR code of ${text}`) {
  const { data, size } = encode(text, { ecc: "L", border: QUIET_ZONE });
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")));
  return svg(
    "svg",
    { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    svg("path", { d: path.join("") }),
  );
}
