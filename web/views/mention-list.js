/** Completes a mention while it is written: the people of the room whose names begin so. */
import { mentionBeing, peopleMatching } from "../model/mentions.js";
import { shortId } from "../model/author.js";
import { byId, el, setText } from "./dom.js";

const MOST = 6;

/** @param put replaces a part of what is written: `put(start, end, text)` */
export function mountMentionList(chat, put) {
  const [field, list] = [byId("composer-text"), byId("mention-list")];
  let found = [];
  let chosen = 0;
  const people = () => chat.peersIn(chat.activeRoom).map(({ peer_id: id }) => ({ id, name: chat.nameOf(id), shortId: shortId(id) }));
  const render = () => {
    list.hidden = found.length === 0;
    list.replaceChildren(...found.map((person, index) => optionOf(person, index, index === chosen)));
    if (list.hidden) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", `mention-${chosen}`);
    setText(byId("mention-status"), list.hidden ? "" : `${found.length} found, Enter completes`);
  };
  const show = (people, index = 0) => {
    found = people;
    chosen = index;
    render();
  };
  const take = (person) => {
    const being = mentionBeing(field.value, field.selectionEnd);
    show([]);
    if (being) put(being.start, field.selectionEnd, `@${chat.people.handleOf(person.id)} `);
  };
  field.addEventListener("input", () => {
    const being = mentionBeing(field.value, field.selectionEnd);
    show(being ? peopleMatching(people(), being.query, MOST) : []);
  });
  field.addEventListener("blur", () => show([]));
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const option = event.target.closest?.("[role=option]");
    if (option) take(found[Number(option.dataset.index)]);
  });
  bindKeys(field, (key) => {
    if (found.length === 0) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (step) show(found, (chosen + step + found.length) % found.length);
    else if (key === "Enter" || key === "Tab") take(found[chosen]);
    else if (key === "Escape") show([]);
    else return false;
    return true;
  });
}

/** Before the composer's own keys: Enter completes and does not send. */
function bindKeys(field, isTaken) {
  field.addEventListener("keydown", (event) => {
    if (!isTaken(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
}

function optionOf({ id, name }, index, isChosen) {
  const attributes = { id: `mention-${index}`, role: "option", "aria-selected": String(isChosen), "data-index": index };
  return el("li", attributes, el("bdi", {}, name), el("span", { class: "hint" }, shortId(id)));
}
