/** Whether a message of one's own is sent, and what to do where it is not. */
import { deliveryWords } from "../model/delivery.js";
import { el, icon, setText } from "./dom.js";

/** Make the mark and the buttons of a message; both follow its state. */
export function messageState(clientId, actions) {
  const mark = el("span", { class: "state" });
  const retry = el("button", { class: "text-button", type: "button" }, "Retry");
  const remove = el("button", { class: "text-button", type: "button" }, "Remove");
  const why = el("span", { class: "failure" });
  const buttons = el("p", { class: "message-actions", hidden: true }, why, retry, remove);
  let isNotJoined = false;
  retry.addEventListener("click", () => (isNotJoined ? actions.joinAndRetry(clientId) : actions.retry(clientId)));
  remove.addEventListener("click", () => actions.remove(clientId));
  return {
    mark,
    actions: buttons,
    update({ message, isOwn, isWaiting, others, isNewestOwn }) {
      const words = isOwn ? markOf(message, isWaiting, others) : null;
      isNotJoined = message.failureReason === NOT_JOINED;
      buttons.hidden = message.state !== "failed";
      setText(retry, isNotJoined ? "Join and send" : "Retry");
      setText(why, message.failure ?? "");
      mark.replaceChildren(...(words ? [icon(words.icon), words.text] : []));
      mark.dataset.word = words ? words.word ?? words.text : "";
      mark.dataset.isNews = String(words !== null && (words.isNews || isNewestOwn));
    },
  };
}

/** The node sends what nobody received to peers that join later, so that is said only until then. */
function markOf(message, isWaiting, others) {
  const { state } = message;
  if (state === "failed") return { icon: "warning", text: "Not sent", isNews: true };
  if (state === "sending") return { icon: "clock", text: isWaiting ? "Waiting" : "Sending", isNews: true };
  const words = deliveryWords(message, others);
  return { ...words, word: words.isNews ? words.text : "Sent" };
}

const NOT_JOINED = "ROOM_NOT_JOINED";
