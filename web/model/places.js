/**
 * Where people talk: a room, or with one other person. Everything that is kept of a
 * conversation is kept by its key: a room's name, or a mark that no name holds and
 * the other end's id.
 */

/** No room's name has a control character. */
const DIRECT = "\u0000";

/** Give the key of the conversation with a person. */
export function keyOfPeer(peerId) {
  return DIRECT + peerId;
}

/** Give the key of what a frame names: `peer_id` or `room`. */
export function keyOfFrame({ room, peer_id: peerId }) {
  return peerId && !room ? keyOfPeer(peerId) : room;
}

/** Return the other end of a direct conversation; null where the key is a room's. */
export function peerOfKey(key) {
  return key.startsWith(DIRECT) ? key.slice(DIRECT.length) : null;
}

/** Name a conversation in a frame, as `room` or as `peer_id`. */
export function frameOfKey(key) {
  const peerId = peerOfKey(key);
  return peerId === null ? { room: key } : { peer_id: peerId };
}
