/** A short word about what was done, with a way to undo it. */
import { TOAST_MS } from "../model/limits.js";
import { byId, el } from "./dom.js";

/**
 * Show a text for a while; it stays as long as somebody points at it or is in it.
 *
 * @param action `label` of a button and what it does, `run()`; or undefined
 */
export function showToast(text, action) {
  const toast = el("div", { class: "toast" }, el("span", { dir: "auto" }, text));
  let timer = 0;
  const remove = () => toast.remove();
  const stay = () => clearTimeout(timer);
  const wait = () => {
    stay();
    timer = setTimeout(remove, TOAST_MS);
  };
  if (action) {
    const button = el("button", { class: "text-button", type: "button" }, action.label);
    button.addEventListener("click", () => {
      remove();
      action.run();
    });
    toast.append(button);
  }
  for (const [type, run] of [["pointerenter", stay], ["focusin", stay], ["pointerleave", wait], ["focusout", wait]]) {
    toast.addEventListener(type, run);
  }
  byId("toasts").replaceChildren(toast);
  wait();
}
