/** One message of the conversation: author, text, time and state. */
import { shortId } from "../model/author.js";
import { el, setText } from "./dom.js";
import { arrivalTime, clockTime, count, dayName, fullTime } from "./formats.js";
import { coloured, identicon } from "./identicon.js";
import { messageState } from "./message-state.js";
import { messageText } from "./message-text.js";

/** Make the row of a message; `update` receives what `laidOut` of layout.js returned. */
export function messageRow(laid, actions) {
  const { message, isOwn } = laid;
  const author = el("span", { class: "author" });
  const time = el("time");
  const late = el("span", { class: "late", hidden: true });
  const state = messageState(message.clientId, actions);
  const body = el("div", { class: "bubble" }, messageText(message));
  body.append(el("p", { class: "meta" }, late, time, state.mark));
  const head = el("p", { class: "message-head" }, author);
  const row = el("div", { class: "message-row" }, head, body, state.actions);
  if (!isOwn) row.prepend(identicon(message.author));
  const element = el("li", { class: "message" }, row);
  if (!isOwn) coloured(author, message.author);
  const day = el("p", { class: "day" }, el("span"));
  let shown = "";
  return {
    element,
    update(next) {
      const signature = signatureOf(next);
      if (signature === shown) return;
      shown = signature;
      const date = new Date(next.message.time);
      author.title = next.message.author;
      setText(author, next.isOwn ? "You" : shortId(next.message.author));
      showTime(time, date, next);
      showLate(late, date, next);
      showDay(element, day, next.startsDay ? dayName(date) : "");
      element.classList.toggle("own", next.isOwn);
      element.classList.toggle("starts-group", next.startsGroup);
      element.dataset.state = next.message.state;
      state.update(next);
    },
  };
}

function signatureOf({ message, ...laid }) {
  const { author, state, time, failure, recipients, received } = message;
  return JSON.stringify([author, state, time, failure, recipients, received, laid]);
}

function showTime(time, date, { isLate, message }) {
  time.dateTime = date.toISOString();
  time.title = isLate ? `${fullTime(date)}, ${arrivedAt(message)}` : fullTime(date);
  setText(time, clockTime(date));
}

function showLate(late, sent, { lateCount, message }) {
  late.hidden = lateCount === 0;
  if (late.hidden) return;
  const which = lateCount > 1 ? `${count(lateCount, "message")} ` : "";
  late.title = arrivedAt(message);
  setText(late, `${which}arrived late, ${arrivalTime(new Date(message.received), sent)}`);
}

function arrivedAt({ received }) {
  return `arrived ${fullTime(new Date(received))}`;
}

function showDay(element, day, name) {
  setText(day.firstChild, name);
  if (name) element.prepend(day);
  else day.remove();
}
