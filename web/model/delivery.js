/** Who has a message of one's own, as far as it is known: never hoped. Pure. */
import { peerOfKey } from "./places.js";

/** Read what an event or an answer says of a message's way: who was handed it, who holds it. */
export function deliveryOf({ handed_to: handedTo = [], held_by: heldBy = [] }) {
  return { handedTo, heldBy };
}

/**
 * Say what became of a message that the node has.
 *
 * @param message with `room`, the conversation's key, `delivery` or undefined, and `recipients`
 * @param others ids of the peers that are in the conversation now
 * @returns `{icon, text, isNews}`
 */
export function deliveryWords({ room, delivery, recipients }, others) {
  const heldBy = delivery?.heldBy ?? [];
  if (peerOfKey(room) !== null) return directWords(delivery, others);
  if (heldBy.length > 0) return heldWords(heldBy, delivery.handedTo, others);
  const isUnheard = recipients === 0 && others.length === 0 && !(delivery?.handedTo.length > 0);
  return { icon: "check", text: isUnheard ? "Sent, nobody here yet" : "Sent", isNews: isUnheard };
}

function directWords(delivery, others) {
  if (delivery?.heldBy.length > 0) return { icon: "check", text: "Delivered", isNews: false };
  const isAway = others.length === 0;
  return { icon: "check", text: isAway ? "Sent, waits until they are back" : "Sent", isNews: isAway };
}

function heldWords(heldBy, handedTo, others) {
  const all = new Set([...heldBy, ...handedTo, ...others]);
  const text = heldBy.length >= all.size ? "Held by all" : `Held by ${heldBy.length} of ${all.size}`;
  return { icon: "check", text, isNews: false };
}
