/**
 * All the page knows: the node, its peers, the rooms and their conversations.
 * It takes frames and tells which topics they changed; it does no I/O.
 */
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_ROOM } from "../limits.js";
import { Conversation } from "./conversation.js";
import { messageFromEntry, messageFromFrame } from "./messages.js";
import { Peers } from "./peers.js";

/** What a frame can change, as the views name it. */
export const TOPICS = ["link", "node", "rooms", "peers", "messages"];

export class Chat {
  node = null;
  /** `connecting`, `open` or `waiting`, and when the gateway is tried again. */
  link = { state: "connecting", retryTime: 0, awaySince: 0 };
  /** What the gateway says of the node: null until told, `ready` or `away`. */
  nodeState = null;
  gap = null;
  peers = new Peers();
  activeRoom = DEFAULT_ROOM;
  /** Where the log is to be read on; null before the first event. */
  cursor = null;
  #conversations = new Map();

  get rooms() {
    return this.node?.rooms ?? [];
  }

  get isReady() {
    return this.link.state === "open" && this.nodeState !== "away" && this.node !== null;
  }

  get maxMessageBytes() {
    return this.node?.max_message_bytes || DEFAULT_MAX_MESSAGE_BYTES;
  }

  get active() {
    return this.conversation(this.activeRoom);
  }

  conversation(room) {
    if (!this.#conversations.has(room)) this.#conversations.set(room, new Conversation(room));
    return this.#conversations.get(room);
  }

  /** Take an event or a word of the gateway; return the topics it changed. */
  receive(frame) {
    if (!Object.hasOwn(this.#takers, frame.type)) return [];
    const topics = this.#takers[frame.type](frame);
    const isNext = frame.type !== "snapshot" || this.cursor === null;
    if (isNext && typeof frame.cursor === "string") this.cursor = frame.cursor;
    return topics;
  }

  /** Show a room; what came in meanwhile is read. */
  enter(room) {
    this.activeRoom = room;
    this.active.unread = 0;
    return ["rooms", "peers", "messages"];
  }

  /** Ask for the newest messages of every room once more. */
  forgetHistory() {
    for (const conversation of this.#conversations.values()) {
      conversation.older = { state: "unknown", cursor: null, expired: false };
    }
  }

  linkChanged(state, retryTime, now) {
    const wasOpen = this.link.state === "open";
    const awaySince = wasOpen ? now : this.link.awaySince || now;
    this.link = { state, retryTime, awaySince: state === "open" ? 0 : awaySince };
  }

  /** Show a message that is about to be sent. */
  propose(entry) {
    this.conversation(entry.room).propose(messageFromEntry(entry, this.node?.peer_id ?? ""));
    return ["messages"];
  }

  #takers = {
    snapshot: (frame) => {
      this.node = frame.node;
      this.peers.replace(frame.peers ?? []);
      return TOPICS;
    },
    node_changed: (frame) => {
      this.node = frame.node;
      return ["node", "rooms", "peers", "messages"];
    },
    node_state: (frame) => {
      this.nodeState = frame.state;
      return TOPICS;
    },
    message: (frame) => this.#takeMessage(frame),
    peer_connected: (frame) => this.#peersChanged(this.peers.connect(frame.peer)),
    peer_disconnected: (frame) => this.#peersChanged(this.peers.disconnect(frame.peer_id)),
    peer_joined: (frame) => this.#peersChanged(this.peers.join(frame.peer_id, frame.room)),
    peer_left: (frame) => this.#peersChanged(this.peers.leave(frame.peer_id, frame.room)),
    gap: (frame) => {
      this.gap = { reason: frame.reason, missing: Number(frame.missing ?? 0) };
      return ["link"];
    },
  };

  #peersChanged() {
    return ["peers", "rooms"];
  }

  #takeMessage(frame) {
    const conversation = this.conversation(frame.room);
    const isNew = conversation.append(messageFromFrame(frame));
    if (isNew && frame.room !== this.activeRoom && frame.author_id !== this.node?.peer_id) {
      conversation.unread += 1;
    }
    return ["messages", "rooms"];
  }
}
