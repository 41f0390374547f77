/** Times and amounts as people of this browser's language read them. */

const SHORT = { hour: "numeric", minute: "2-digit" };
const CYCLES = { 24: { hourCycle: "h23" }, 12: { hourCycle: "h12" } };
let clock = new Intl.DateTimeFormat(undefined, SHORT);
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const DATE_OF_YEAR = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short" });
const DAYS_BY_WEEKDAY = 7;
const NUMBER = new Intl.NumberFormat();
const DAY_MS = 86_400_000;

export function clockTime(date) {
  return clock.format(date);
}

/** Write times with 24 or 12 hours, or as the language does: `24`, `12`, `auto`. */
export function setClock(hours) {
  clock = new Intl.DateTimeFormat(undefined, { ...SHORT, ...CYCLES[hours] });
}

export function fullTime(date) {
  return FULL.format(date);
}

export function dayName(date, today = new Date()) {
  const daysAgo = Math.round((startOfDay(today) - startOfDay(date)) / DAY_MS);
  if (daysAgo === 0) return "Today";
  return daysAgo === 1 ? "Yesterday" : DAY.format(date);
}

/** Say when in as few letters as a list has room for: the time today, then the day. */
export function listTime(date, today = new Date()) {
  const daysAgo = Math.round((startOfDay(today) - startOfDay(date)) / DAY_MS);
  if (daysAgo <= 0) return clockTime(date);
  if (daysAgo < DAYS_BY_WEEKDAY) return WEEKDAY.format(date);
  return date.getFullYear() === today.getFullYear() ? DATE.format(date) : DATE_OF_YEAR.format(date);
}

/** Say when a message arrived, with the day where it is not the one it was sent on. */
export function arrivalTime(date, sent) {
  const isSameDay = startOfDay(date) === startOfDay(sent);
  return isSameDay ? clockTime(date) : `${dayName(date)} ${clockTime(date)}`;
}

export function number(value) {
  return NUMBER.format(value);
}

/** Say a number of things, such as "1 message" or "2 messages". */
export function count(value, noun) {
  return `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
}

export function milliseconds(value) {
  return value < 1 ? "<1 ms" : `${number(Math.round(value))} ms`;
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
