/**
 * All the page knows: the node, its peers, the rooms and their conversations.
 * It receives frames and returns which topics they changed; it does no I/O.
 */
import { DEFAULT_ROOM } from "./limits.js";
import { Conversations } from "./conversations.js";
import { LinkState } from "./link-state.js";
import { messageFromEntry } from "./messages.js";
import { Peers } from "./peers.js";
import { People } from "./people.js";
import { peerOfKey } from "./places.js";
import { receiveFrame } from "./receiving.js";

export class Chat {
  node = null;
  link = new LinkState();
  /** What the gateway reports of the node: null until then, `ready` or `away`. */
  nodeState = null;
  /** Since when the node is out of reach, in ms since the epoch; 0 while it answers. */
  awaySince = 0;
  gap = null;
  /** What failed on this page itself, in the error's words. */
  failure = null;
  /** Somebody new who is called like somebody known: a profile, or null. */
  lookalike = null;
  peers = new Peers();
  people = new People();
  conversations = new Conversations();
  /** The keys of the direct conversations. */
  directs = new Set();
  activeRoom = DEFAULT_ROOM;
  /** Whether somebody sees the newest message of the conversation that is shown. */
  isWatching = false;
  /** Where the log is to be read on; null before the first event. */
  cursor = null;

  get rooms() {
    return this.node?.rooms ?? [];
  }

  /** The keys of what is listed: the rooms that are joined, and the direct conversations. */
  get keys() {
    return [...this.rooms, ...this.directs];
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
    const { line } = this.active.reading;
    return { me: this.node?.peer_id, isWaiting: !this.isReady, isAlone, unreadFrom: line?.before, unreadCount: line?.count };
  }

  /** Whether what is written to a conversation is accepted by the node as things stand. */
  isJoined(key) {
    return this.node === null || peerOfKey(key) !== null || this.rooms.includes(key);
  }

  /** Whether the node does something, by the name of the call or event. */
  can(feature) {
    return this.node?.features?.includes(feature) ?? false;
  }

  /** What somebody is called. */
  nameOf(peerId) {
    return this.people.nameOf(peerId);
  }

  conversation(key) {
    return this.conversations.of(key);
  }

  /** Take an event or a word of the gateway; return the topics it changed. */
  receive(frame) {
    return receiveFrame(this, frame);
  }

  /** Show a conversation, from the first message that is unread. */
  enter(key) {
    if (key !== this.activeRoom) this.isWatching = false;
    this.activeRoom = key;
    this.active.reading.beginVisit();
    return ["rooms", "peers", "messages"];
  }

  /** Note how the connection stands; what was heard of the node before it is old. */
  changeLink(state, retryTime, now) {
    this.link.change(state, retryTime, now);
    if (state === "open") this.nodeState = null;
    this.noteAway(now);
    return ["link", "peers"];
  }

  /** Remember since when the node is out of reach. */
  noteAway(now) {
    const isAway = this.link.state !== "open" || this.nodeState === "away";
    this.awaySince = isAway ? this.awaySince || now : 0;
  }

  /** Show a message that is about to be sent. */
  propose(entry) {
    this.conversation(entry.room).propose(messageFromEntry(entry, this.node?.peer_id ?? ""));
    return ["messages"];
  }
}
