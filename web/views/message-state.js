/** Whether a message of one's own is sent, and what to do where it is not. */
import { el, icon } from "./dom.js";

/** Make the mark and the buttons of a message; both follow its state. */
export function messageState(clientId, actions) {
  const mark = el("span", { class: "state" });
  const retry = el("button", { class: "text-button", type: "button" }, "Retry");
  const remove = el("button", { class: "text-button", type: "button" }, "Remove");
  const why = el("span", { class: "failure" });
  const buttons = el("p", { class: "message-actions", hidden: true }, why, retry, remove);
  retry.addEventListener("click", () => actions.retry(clientId));
  remove.addEventListener("click", () => actions.remove(clientId));
  return {
    mark,
    actions: buttons,
    update({ message, isOwn, isWaiting, isAlone }) {
      buttons.hidden = message.state !== "failed";
      why.textContent = message.failure ?? "";
      mark.replaceChildren(...(isOwn ? markOf(message, isWaiting, isAlone) : []));
    },
  };
}

/** The node sends what nobody received to peers that join later, so that is said only until then. */
function markOf({ state, recipients }, isWaiting, isAlone) {
  if (state === "failed") return [icon("warning"), "Not sent"];
  if (state === "sending") return [icon("clock"), isWaiting ? "Waiting" : "Sending"];
  return [icon("check"), recipients === 0 && isAlone ? "Sent, nobody here yet" : "Sent"];
}
