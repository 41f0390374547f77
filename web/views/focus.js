/** Where the keys go: to the message box when the page starts and when another room is shown. */
import { isDialogOpen } from "./dialogs.js";
import { byId } from "./dom.js";

/** A keyboard on the screen would cover what is to be read, so touch screens wait for a tap. */
const TOUCH = "(hover: none) and (pointer: coarse)";

/** @returns `render()`, which follows the room that is shown */
export function mountFocus(chat) {
  let shown = null;
  return function render() {
    if (chat.activeRoom === shown) return;
    shown = chat.activeRoom;
    focusComposer();
  };
}

/** Let what is typed next be written, unless a dialog is open or a keyboard would come up. */
export function focusComposer() {
  if (!isDialogOpen() && !window.matchMedia(TOUCH).matches) byId("composer-text").focus({ preventScroll: true });
}
