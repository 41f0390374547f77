/** The panel that shows how this node is connected: a verdict, a drawing, and what is known. */
import { drawingOf, WIDTH } from "../model/reach-drawing.js";
import { reachLines, verdictOf } from "../model/reach.js";
import { byId, el, setText, svg } from "./dom.js";
import { milliseconds } from "./formats.js";

const LABELS = { me: "you", router: "router", relay: "relay" };
const RADIUS = 7;

export function mountReach(chat) {
  return function render() {
    const { node } = chat;
    if (!node) return;
    setText(byId("reach-verdict"), verdictOf(node));
    const drawing = drawingOf(node, chat.peers.all);
    byId("reach-drawing").replaceChildren(drawn(drawing, chat));
    setText(byId("reach-hidden"), drawing.hidden > 0 ? `and ${drawing.hidden} more` : "");
    const lines = reachLines(node, (id) => chat.nameOf(id)).map((line) => el("li", { dir: "auto" }, line));
    byId("reach-lines").replaceChildren(...lines);
    byId("reach-details").hidden = lines.length === 0;
  };
}

function drawn({ height, dots, lines }, chat) {
  const text = `You and ${dots.filter(({ kind }) => kind === "peer").length} connected peers`;
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": text },
    ...lines.map(({ kind, points }) => svg("polyline", { class: `reach-line ${kind}`, points: points.join(" ") })),
    ...dots.flatMap((dot) => dotWithLabel(dot, chat)),
  );
}

function dotWithLabel({ kind, id, x, y, roundTripMs }, chat) {
  const name = LABELS[kind] ?? chat.nameOf(id);
  const label = typeof roundTripMs === "number" ? `${name} · ${milliseconds(roundTripMs)}` : name;
  return [
    svg("circle", { class: `reach-dot ${kind}`, cx: x, cy: y, r: RADIUS }, svg("title", {}, kind === "router" ? "your router" : id)),
    svg("text", { class: "reach-label", x, y: y + RADIUS + 9, "text-anchor": "middle" }, label),
  ];
}
