/** The people who are blocked, in the settings, each with a way back. */
import { byId, el, setText } from "./dom.js";
import { KeyedList } from "./keyed.js";

/** @param unblock promises */
export function mountBlocked(chat, unblock) {
  const list = new KeyedList(byId("blocked"), (peerId) => peerId, (peerId) => {
    const name = el("bdi");
    const button = el("button", { class: "text-button", type: "button" }, "Unblock");
    button.addEventListener("click", () => unblock(peerId));
    return { element: el("li", {}, name, button), update: () => setText(name, chat.nameOf(peerId)) };
  });
  return function render() {
    byId("blocked-section").hidden = chat.blocked.size === 0;
    list.show([...chat.blocked].sort());
  };
}
