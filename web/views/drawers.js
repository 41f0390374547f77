/** On narrow screens the side panels are drawers: one at a time, over the rest. */
import { byId } from "./dom.js";

const WIDE = "(min-width: 75rem)";

export function mountDrawers() {
  const frame = byId("frame");
  const panels = [...frame.children];
  let opener = null;

  function open(button) {
    const panel = byId(button.dataset.openPanel);
    opener = button;
    frame.dataset.drawer = panel.id;
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-modal", "true");
    button.setAttribute("aria-expanded", "true");
    for (const other of panels) other.inert = other !== panel;
    panel.querySelector("[data-close-panel]").focus();
  }

  function close() {
    if (!opener) return;
    const panel = byId(frame.dataset.drawer);
    panel.setAttribute("role", "complementary");
    panel.removeAttribute("aria-modal");
    delete frame.dataset.drawer;
    for (const other of panels) other.inert = false;
    opener.setAttribute("aria-expanded", "false");
    opener.focus();
    opener = null;
  }

  for (const button of frame.querySelectorAll("[data-open-panel]")) {
    button.addEventListener("click", () => open(button));
  }
  for (const button of frame.querySelectorAll("[data-close-panel]")) button.addEventListener("click", close);
  frame.addEventListener("click", (event) => event.target === frame && close());
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  window.matchMedia(WIDE).addEventListener("change", close);
  return close;
}
