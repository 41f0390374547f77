/** The keys of the page as a whole; those of a list, a menu or a message are with these. */
import { entriesOf } from "../model/entries.js";
import { isDialogOpen, openDialog } from "./dialogs.js";
import { byId } from "./dom.js";

/** @param actions `enter(key)` and `switcher()`; keys are listed in `#keys-dialog` */
export function mountKeys(chat, actions) {
  const next = (step) => {
    const keys = entriesOf(chat).map(({ key }) => key);
    const index = keys.indexOf(chat.activeRoom);
    actions.enter(keys[(index + step + keys.length) % keys.length]);
  };
  document.addEventListener("keydown", (event) => {
    const run = keyOf(event, { next, ...actions });
    if (!run || isDialogOpen()) return;
    event.preventDefault();
    run();
  });
}

function keyOf(event, { next, switcher }) {
  const { key, ctrlKey, metaKey, altKey } = event;
  if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === "k") return switcher;
  if (altKey && key === "ArrowDown") return () => next(1);
  if (altKey && key === "ArrowUp") return () => next(-1);
  if ((ctrlKey && key === "/") || (key === "?" && !FIELDS.has(event.target.localName))) return () => openDialog(byId("keys-dialog"));
  return null;
}

/** Where `?` is a letter of what is written. */
const FIELDS = new Set(["textarea", "input", "select"]);
