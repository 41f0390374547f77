/** Ctrl+K: goes to a conversation by a few letters of its name. */
import { entriesOf } from "../model/entries.js";
import { closeDialog, openDialog } from "./dialogs.js";
import { byId, el } from "./dom.js";

const MOST = 12;

/** @param enter shows a conversation by its key; returns `open()` */
export function mountSwitcher(chat, enter) {
  const [dialog, field, list] = [byId("switcher-dialog"), byId("switcher-text"), byId("switcher-list")];
  let found = [];
  let chosen = 0;
  const nameOf = ({ key, peerId }) => (peerId ? chat.nameOf(peerId) : key);
  const render = () => {
    list.replaceChildren(...found.map((entry, index) => optionOf(nameOf(entry), index, index === chosen)));
    field.setAttribute("aria-activedescendant", found.length > 0 ? `switcher-${chosen}` : "");
  };
  const find = () => {
    const query = field.value.trim().toLowerCase();
    found = entriesOf(chat).filter((entry) => nameOf(entry).toLowerCase().includes(query)).slice(0, MOST);
    chosen = 0;
    render();
  };
  const take = (entry) => {
    closeDialog(dialog);
    if (entry) enter(entry.key);
  };
  field.addEventListener("input", find);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length > 0) chosen = (chosen + step + found.length) % found.length;
    else if (event.key === "Enter") return void (event.preventDefault(), take(found[chosen]));
    else return undefined;
    event.preventDefault();
    return render();
  });
  list.addEventListener("click", ({ target }) => take(found[Number(target.closest?.("[role=option]")?.dataset.index)]));
  return function open() {
    field.value = "";
    find();
    openDialog(dialog);
    field.focus();
  };
}

function optionOf(name, index, isChosen) {
  return el("li", { id: `switcher-${index}`, role: "option", "aria-selected": String(isChosen), "data-index": index }, el("bdi", {}, name));
}
