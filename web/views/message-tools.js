/**
 * What can be done with a message: a small bar on the one that is pointed at or has the
 * focus, and all of it with the details in a dialog, which a long press opens as well.
 * Arrow keys go from message to message.
 */
import { LONG_PRESS_MS } from "../model/limits.js";
import { byId, el, icon } from "./dom.js";
import { focusComposer } from "./focus.js";

/** @param actions `reply(message)`, `copy(message)`, `details(message)` */
export function mountMessageTools(chat, actions) {
  const list = byId("messages");
  const rowOf = (target) => target.closest?.(".message");
  const messageOf = (row) => row && chat.active.find(row.dataset.id);
  const bar = toolbar((name) => {
    const message = messageOf(rowOf(bar));
    if (message) actions[name](message);
  });
  const showIn = (row) => {
    const place = row?.querySelector(".message-row");
    if (place && bar.parentNode !== place && messageOf(row)) place.append(bar);
  };
  const hide = () => {
    if (!list.contains(document.activeElement)) bar.remove();
  };
  list.addEventListener("pointerover", (event) => event.pointerType === "mouse" && showIn(rowOf(event.target)));
  list.addEventListener("pointerleave", hide);
  list.addEventListener("focusin", (event) => showIn(rowOf(event.target)));
  list.addEventListener("focusout", () => setTimeout(hide));
  bindLongPress(list, (target) => {
    const message = messageOf(rowOf(target));
    if (message) actions.details(message);
  });
  byId("composer-text").addEventListener("keydown", (event) => {
    const newest = event.key === "ArrowUp" && !event.altKey && event.target.value === "" && list.lastElementChild;
    if (!newest) return;
    event.preventDefault();
    newest.focus();
  });
  byId("log").addEventListener("keydown", (event) => pressed(event, { list, messageOf, actions }));
}

function toolbar(run) {
  const button = (name, iconName, label) => {
    const one = el("button", { class: "icon-button", type: "button", "aria-label": label, title: label }, icon(iconName));
    one.addEventListener("click", () => run(name));
    return one;
  };
  const buttons = [button("reply", "reply", "Reply"), button("copy", "copy", "Copy the text"), button("details", "more", "More and details")];
  return el("div", { class: "message-tools", role: "toolbar", "aria-label": "With this message" }, ...buttons);
}

const KEYS = { r: "reply", c: "copy", Enter: "details" };

function pressed(event, { list, messageOf, actions }) {
  const row = event.target.closest?.(".message");
  const isElsewhere = !row && event.target !== byId("log");
  if (isElsewhere || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (event.key === "ArrowUp" || event.key === "ArrowDown") focusNext(event, list, row);
  else if (event.key === "Escape" && row) focusComposer();
  else if (event.key === "Enter" && event.target !== row) return undefined;
  else if (KEYS[event.key] && messageOf(row)) actions[KEYS[event.key]](messageOf(row));
  else return undefined;
  return event.preventDefault();
}

function focusNext({ key }, list, row) {
  const next = key === "ArrowUp" ? row?.previousElementSibling ?? (row ? null : list.lastElementChild) : row?.nextElementSibling;
  if (next) next.focus();
  else if (key === "ArrowDown") focusComposer();
}

/** Call `held(target)` when a finger rests on something; a finger that moves scrolls. */
function bindLongPress(list, held) {
  let timer = 0;
  const end = () => clearTimeout(timer);
  list.addEventListener("pointerdown", ({ pointerType, target }) => {
    end();
    if (pointerType !== "mouse") timer = setTimeout(() => held(target), LONG_PRESS_MS);
  });
  for (const type of ["pointerup", "pointercancel", "pointermove", "contextmenu"]) list.addEventListener(type, end);
}
