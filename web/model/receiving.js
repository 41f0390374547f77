/** What each kind of event, and each word of the gateway, changes in the model. */
import { deliveryOf } from "./delivery.js";
import { messageFromFrame } from "./messages.js";
import { keyOfFrame } from "./places.js";
import { countArrival, receiveReadMarker } from "./reading.js";

/** What a frame can change, as the views name it. */
export const TOPICS = ["link", "node", "rooms", "peers", "messages", "people"];

/**
 * Take a frame; return the topics it changed. Of an event of an unknown kind only the
 * cursor is stored: it may be of a later version.
 */
export function receiveFrame(chat, frame) {
  const topics = HANDLERS.get(frame.type)?.(chat, frame) ?? [];
  const isNext = frame.type !== "snapshot" || chat.cursor === null;
  if (isNext && typeof frame.cursor === "string") chat.cursor = frame.cursor;
  return topics;
}

const HANDLERS = new Map([
  ["snapshot", receiveSnapshot],
  ["node_changed", (chat, { node }) => changed(chat, { node })],
  ["node_state", (chat, { state }) => changed(chat, { nodeState: state })],
  ["gap", (chat, { reason, missing }) => changed(chat, { gap: { reason, missing } })],
  ["message", receiveMessage],
  ["peer_connected", receivePeer],
  ["peer_disconnected", receivePeer],
  ["peer_joined", receivePeer],
  ["peer_left", receivePeer],
  ["profile_changed", receiveProfile],
  ["read_marker_changed", receiveReadMarker],
  ["message_delivery", receiveDelivery],
  ["peer_blocked", (chat, frame) => chat.block(frame.peer_id, frame.is_blocked)],
]);

function changed(chat, facts) {
  Object.assign(chat, facts);
  chat.noteAway(Date.now());
  return TOPICS;
}

function receiveSnapshot(chat, { node, peers }) {
  chat.peers.replace(peers);
  for (const { rooms } of peers) chat.conversations.handOver(rooms);
  return changed(chat, { node });
}

function receivePeer(chat, frame) {
  chat.peers.receive(frame);
  if (frame.type === "peer_joined") chat.conversations.handOver([frame.room]);
  if (frame.type === "peer_connected") chat.conversations.handOver(frame.peer.rooms);
  return ["peers", "rooms", "messages"];
}

function receiveProfile(chat, { profile, name_seen_before: isSeenBefore }) {
  chat.people.learn([profile]);
  if (!isSeenBefore) return ["people"];
  chat.lookalike = profile;
  return ["people", "link"];
}

function receiveDelivery(chat, frame) {
  const message = chat.conversation(keyOfFrame(frame)).find(frame.message_id);
  if (message) message.delivery = deliveryOf(frame);
  return ["messages"];
}

function receiveMessage(chat, frame) {
  const key = keyOfFrame(frame);
  const conversation = chat.conversation(key);
  if (frame.peer_id) chat.directs.add(key);
  const message = messageFromFrame(frame);
  if (conversation.append(message)) countArrival(chat, key, message);
  return ["messages", "rooms"];
}
