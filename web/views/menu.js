/** A button with a menu: arrow keys go through it, Escape and a press elsewhere close it. */

/** Bind a button to its menu; returns `close()`. */
export function bindMenu(button, menu) {
  const items = () => [...menu.querySelectorAll("[role=menuitem]")].filter((item) => !item.hidden);
  const isOpen = () => !menu.hidden;
  const open = () => {
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    items()[0]?.focus();
  };
  const close = () => {
    if (!isOpen()) return;
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
  };
  const move = (step) => {
    const all = items();
    const index = all.indexOf(document.activeElement);
    all[(index + step + all.length) % all.length]?.focus();
  };
  const pressed = (event) => {
    const step = STEPS[event.key];
    if (step) move(step);
    else if (event.key === "Escape") {
      close();
      button.focus();
    } else if (event.key === "Tab") return close();
    else return undefined;
    event.preventDefault();
    return event.stopPropagation();
  };
  button.addEventListener("click", () => (isOpen() ? close() : open()));
  menu.addEventListener("keydown", pressed);
  menu.addEventListener("click", close);
  document.addEventListener("pointerdown", ({ target }) => {
    if (isOpen() && !menu.contains(target) && !button.contains(target)) close();
  });
  return close;
}

const STEPS = { ArrowDown: 1, ArrowUp: -1 };
