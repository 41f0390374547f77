/**
 * When a message is shown as sent. An author chooses the send time, so it is
 * believed only near the receipt, which this node's own clock gives.
 *
 * A live message stands where it arrived, unless it was sent within minutes before:
 * then the send time puts it in the order that every other page shows. A message that
 * synchronisation brought is believed as far back as synchronisation reaches. No
 * message stands after its receipt by more than clocks differ.
 */
import { CLOCK_SKEW_MS, LIVE_WINDOW_MS, SYNC_WINDOW_MS } from "./limits.js";

/**
 * Read the times of a `message` frame.
 *
 * @returns `time` to show and sort by, RFC 3339; `received`, ms since the epoch;
 *   `lag` from sending to receipt in ms, 0 where the send time is not believed
 */
export function timesOfFrame({ send_time: sendTime, receive_time: receiveTime, time, delivery }) {
  const receivedAt = [receiveTime, time].find(isTime) ?? EPOCH;
  const received = Date.parse(receivedAt);
  const lag = isTime(sendTime) ? received - Date.parse(sendTime) : NaN;
  return isBelieved(lag, delivery) ? { time: sendTime, received, lag } : { time: receivedAt, received, lag: 0 };
}

function isBelieved(lag, delivery) {
  const mostBehind = delivery === "live" ? LIVE_WINDOW_MS : SYNC_WINDOW_MS;
  return lag >= -CLOCK_SKEW_MS && lag < mostBehind;
}

function isTime(text) {
  return typeof text === "string" && !Number.isNaN(Date.parse(text));
}

const EPOCH = "1970-01-01T00:00:00Z";
