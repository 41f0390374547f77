/** Says when the gateway or the node is unreachable, and when messages are missing. */
import { noticesOf } from "../model/notices.js";
import { byId, el, icon, setText } from "./dom.js";
import { KeyedList } from "./keyed.js";

const TICK_MS = 1_000;
const LABELS = { retry: "Try now", reload: "Reload", dismiss: "Dismiss" };

/** @param actions `retry()` the gateway, `reload()` the page, `dismiss(kind)` a notice that was read */
export function mountBanners(chat, actions) {
  const list = new KeyedList(byId("banners"), (notice) => notice.kind, (notice) => banner(notice, actions));
  let timer = 0;
  return function render() {
    const notices = noticesOf(chat, Date.now());
    list.show(notices);
    clearTimeout(timer);
    if (chat.link.state !== "open") timer = setTimeout(render, notices.length ? TICK_MS : TICK_MS / 4);
  };
}

function banner({ kind, action }, actions) {
  const text = el("span");
  const element = el("div", { class: "banner", "data-kind": kind }, icon(kind.endsWith("unreachable") ? "away" : "warning"), text);
  if (action) {
    const button = el("button", { class: "text-button", type: "button" }, LABELS[action]);
    button.addEventListener("click", () => actions[action](kind));
    element.append(button);
  }
  return { element, update: (notice) => setText(text, notice.text) };
}
