/** Picks an emoji; the list comes from this gateway when it is first asked for. */
import { emojiFound, emojiOfLine } from "../model/emoji.js";
import { byId, el } from "./dom.js";

const MOST_FOUND = 120;

/** @param pick receives the emoji */
export function mountEmojiPicker(pick) {
  const [button, picker, search] = [byId("emoji-button"), byId("emoji-picker"), byId("emoji-search")];
  let groups = null;
  const render = () => {
    const query = search.value.trim();
    const sections = query ? [["Found", emojiFound(groups, query, MOST_FOUND)]] : groups.map(([name, lines]) => [name, lines.split("\n").map(emojiOfLine)]);
    byId("emoji-list").replaceChildren(...sections.flatMap(([name, all]) => sectionOf(name, all)));
  };
  const close = () => {
    picker.hidden = true;
    button.setAttribute("aria-expanded", "false");
  };
  const open = async () => {
    picker.hidden = false;
    button.setAttribute("aria-expanded", "true");
    search.value = "";
    search.focus();
    groups = groups ?? (await import("../vendor/emoji/emoji.js")).EMOJI_GROUPS;
    render();
  };
  button.addEventListener("click", () => (picker.hidden ? open() : close()));
  search.addEventListener("input", () => groups && render());
  picker.addEventListener("click", ({ target }) => {
    const one = target.closest?.(".emoji-one");
    if (!one) return;
    close();
    pick(one.textContent);
  });
  picker.addEventListener("keydown", (event) => keyPressed(event, { close, button, picker }));
  document.addEventListener("pointerdown", ({ target }) => {
    if (!picker.hidden && !picker.contains(target) && !button.contains(target)) close();
  });
}

function sectionOf(name, all) {
  const buttons = all.map(({ emoji, name: label }) => el("button", { class: "emoji-one", type: "button", title: label, "aria-label": label }, emoji));
  return [el("h3", { class: "section-title" }, name), el("div", { class: "emoji-grid" }, ...buttons)];
}

function keyPressed(event, { close, button, picker }) {
  if (event.key === "Escape") {
    close();
    button.focus();
  } else if (event.key === "Enter" && event.target.localName === "input") picker.querySelector(".emoji-one")?.click();
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft" || event.key === "ArrowDown") {
    const all = [...picker.querySelectorAll(".emoji-one")];
    const index = all.indexOf(document.activeElement);
    if (index === -1 && event.key !== "ArrowDown") return;
    all[index + (event.key === "ArrowLeft" ? -1 : 1)]?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}
