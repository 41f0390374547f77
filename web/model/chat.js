/**
 * All the page knows: the node, its peers, the rooms and their conversations.
 * It receives frames and returns which topics they changed; it does no I/O.
 */
import { DEFAULT_ROOM } from "./limits.js";
import { Conversations } from "./conversations.js";
import { LinkState } from "./link-state.js";
import { messageFromEntry, messageFromFrame } from "./messages.js";
import { Peers } from "./peers.js";

/** What a frame can change, as the views name it. */
export const TOPICS = ["link", "node", "rooms", "peers", "messages"];

export class Chat {
  node = null;
  link = new LinkState();
  /** What the gateway reports of the node: null until then, `ready` or `away`. */
  nodeState = null;
  gap = null;
  /** What failed on this page itself, in the error's words. */
  failure = null;
  peers = new Peers();
  conversations = new Conversations();
  activeRoom = DEFAULT_ROOM;
  /** Where the log is to be read on; null before the first event. */
  cursor = null;

  get rooms() {
    return this.node?.rooms ?? [];
  }

  get isReady() {
    return this.link.state === "open" && this.nodeState !== "away" && this.node !== null;
  }

  get active() {
    return this.conversation(this.activeRoom);
  }

  /** What layout.js needs to know besides the messages shown. */
  get surroundings() {
    const isAlone = this.peers.in(this.activeRoom).length === 0;
    return { me: this.node?.peer_id, isWaiting: !this.isReady, isAlone };
  }

  conversation(room) {
    return this.conversations.of(room);
  }

  /**
   * Take an event or a word of the gateway; return the topics it changed. Of an event
   * of an unknown kind only the cursor is stored: it may be of a later version.
   */
  receive(frame) {
    const topics = this.#handlers.get(frame.type)?.(frame) ?? [];
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

  /** Note how the connection stands; what was heard of the node before it is old. */
  changeLink(state, retryTime, now) {
    this.link.change(state, retryTime, now);
    if (state === "open") this.nodeState = null;
    return ["link"];
  }

  /** Show a message that is about to be sent. */
  propose(entry) {
    this.conversation(entry.room).propose(messageFromEntry(entry, this.node?.peer_id ?? ""));
    return ["messages"];
  }

  #handlers = new Map([
    ["snapshot", ({ node, peers }) => this.#receiveSnapshot(node, peers)],
    ["node_changed", ({ node }) => this.#changed({ node })],
    ["node_state", ({ state }) => this.#changed({ nodeState: state })],
    ["message", (frame) => this.#receiveMessage(frame)],
    ["peer_connected", (frame) => this.#receivePeer(frame)],
    ["peer_disconnected", (frame) => this.#receivePeer(frame)],
    ["peer_joined", (frame) => this.#receivePeer(frame)],
    ["peer_left", (frame) => this.#receivePeer(frame)],
    ["gap", ({ reason, missing }) => this.#changed({ gap: { reason, missing } })],
  ]);

  #receiveSnapshot(node, peers) {
    this.peers.replace(peers);
    return this.#changed({ node });
  }

  #changed(facts) {
    Object.assign(this, facts);
    return TOPICS;
  }

  #receivePeer(frame) {
    this.peers.receive(frame);
    return ["peers", "rooms"];
  }

  #receiveMessage(frame) {
    if (frame.peer_id) return [];
    const conversation = this.conversation(frame.room);
    const isNew = conversation.append(messageFromFrame(frame));
    const isUnread = frame.room !== this.activeRoom && frame.author_id !== this.node?.peer_id;
    if (isNew && isUnread) conversation.unread += 1;
    return ["messages", "rooms"];
  }
}
