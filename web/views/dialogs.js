/** Opens and closes the dialogs of index.html, also in browsers that have none. */
import { byId } from "./dom.js";

export function openDialog(dialog) {
  if (isOpen(dialog)) return;
  if (typeof dialog.showModal === "function") dialog.showModal();
  else dialog.setAttribute("open", "");
}

export function closeDialog(dialog) {
  if (!isOpen(dialog)) return;
  if (typeof dialog.close === "function") dialog.close();
  else dialog.removeAttribute("open");
}

/** Whether a dialog is over the page, so that nothing below it takes the focus. */
export function isDialogOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** Let buttons that name a dialog open it, and those within one close it, as a press beside it does. */
export function mountDialogs() {
  for (const button of document.querySelectorAll("[data-open-dialog]")) {
    button.addEventListener("click", () => openDialog(byId(button.dataset.openDialog)));
  }
  for (const [button, dialog] of [["open-keys", "keys-dialog"], ["open-you", "me-dialog"]]) {
    byId(button).addEventListener("click", () => {
      closeDialog(byId("settings-dialog"));
      openDialog(byId(dialog));
    });
  }
  for (const dialog of document.querySelectorAll("dialog")) {
    for (const button of dialog.querySelectorAll("[data-close-dialog]")) {
      button.addEventListener("click", () => closeDialog(dialog));
    }
    dialog.addEventListener("click", (event) => event.target === dialog && isBeside(dialog, event) && closeDialog(dialog));
  }
}

function isOpen(dialog) {
  return dialog.getAttribute("open") !== null;
}

/** The backdrop is a part of the dialog's element, outside of its box. */
function isBeside(dialog, { clientX: x, clientY: y }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return x < left || x > right || y < top || y > bottom;
}
