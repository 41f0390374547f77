/** One message of the conversation: author, text, time and state. */
import { el, setText } from "./dom.js";
import { arrivalTime, clockTime, count, dayName, fullTime } from "./formats.js";
import { coloured } from "./identicon.js";
import { messageState } from "./message-state.js";
import { messageText } from "./message-text.js";

/**
 * Make the row of a message; `update` receives what `laidOut` of layout.js returned.
 *
 * @param around `chat`, and `avatars` of views/avatars.js; what its `actions` do is in message-state.js
 */
export function messageRow(laid, { chat, avatars, actions }) {
  const { message, isOwn } = laid;
  const author = el("bdi", { class: "author" });
  const time = el("time");
  const late = el("p", { class: "late", hidden: true });
  const state = messageState(message.clientId, actions);
  const names = chat.people.namesOf(chat.node?.peer_id);
  const body = el("div", { class: "bubble" }, messageText(message, isOwn ? [] : names));
  const head = el("p", { class: "message-head" }, author, " ", time);
  const row = el("div", { class: "message-row" }, late, head, body, state.mark, state.actions);
  const picture = isOwn ? null : el("span", { class: "author-picture" });
  if (picture) row.prepend(picture);
  const element = el("li", { class: "message", tabindex: "-1" }, row);
  if (!isOwn) coloured(author, message.author);
  const day = el("p", { class: "day" }, el("span"));
  const line = el("p", { class: "day unread-line" }, el("span"));
  let shown = "";
  return {
    element,
    update(next) {
      const date = new Date(next.message.time);
      const look = picture ? avatars.lookOf(next.message.author) : "";
      const signature = signatureOf(next, `${clockTime(date)} ${look}`);
      if (signature === shown) return;
      shown = signature;
      author.title = next.message.author;
      setText(author, next.isOwn ? "You" : chat.nameOf(next.message.author));
      if (picture && next.startsGroup) avatars.showIn(picture, next.message.author);
      element.dataset.id = next.message.id;
      showTime(time, date, next);
      showLate(late, date, next);
      showAbove(element, line, next.newCount > 0 ? `${count(next.newCount, "new message")}` : "");
      showAbove(element, day, next.startsDay ? dayName(date) : "");
      element.classList.toggle("own", next.isOwn);
      element.classList.toggle("starts-group", next.startsGroup);
      element.dataset.state = next.message.state;
      state.update(next);
    },
  };
}

function signatureOf({ message, ...laid }, look) {
  const { id, author, state, time, failure, recipients, received, isProposed, delivery } = message;
  return JSON.stringify([id, author, state, time, failure, recipients, received, isProposed, delivery, laid, look]);
}

/** What is not sent yet has no time: it would be another one once it is. */
function showTime(time, date, { isLate, message }) {
  time.dateTime = date.toISOString();
  time.title = isLate ? `${fullTime(date)}, ${arrivedAt(message)}` : fullTime(date);
  setText(time, message.isProposed ? "" : clockTime(date));
}

function showLate(late, sent, { lateCount, message }) {
  late.hidden = lateCount === 0;
  if (late.hidden) return setText(late, "");
  const which = lateCount > 1 ? `${count(lateCount, "message")} ` : "";
  late.title = arrivedAt(message);
  return setText(late, `${which}arrived late, at ${arrivalTime(new Date(message.received), sent)}`);
}

function arrivedAt({ received }) {
  return `arrived ${fullTime(new Date(received))}`;
}

/** Show a day's name, or where the unread begins, above a message. */
function showAbove(element, place, words) {
  setText(place.firstChild, words);
  if (words) element.prepend(place);
  else place.remove();
}
