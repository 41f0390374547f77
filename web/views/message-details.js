/** The dialog of one message: what can be done with it, and what is known of it. */
import { detailsOf } from "../model/details.js";
import { closeDialog, openDialog } from "./dialogs.js";
import { byId, el } from "./dom.js";
import { fullTime } from "./formats.js";

/** @param actions what the buttons do with the message: `reply(message)`, `copy(message)` and so on by their `data-do` */
export function mountMessageDetails(chat, actions) {
  const dialog = byId("message-dialog");
  let shown = null;
  for (const button of dialog.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => {
      closeDialog(dialog);
      actions[button.dataset.do](shown);
    });
  }
  return function show(message) {
    shown = message;
    const facts = detailsOf(message, { name: (peerId) => chat.nameOf(peerId), time: fullTime });
    dialog.querySelector("[data-do=unread]").hidden = !message.cursor || !chat.can("set_read_marker");
    byId("message-facts").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]));
    openDialog(dialog);
  };
}
