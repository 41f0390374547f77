/**
 * All the page knows: the node, its peers, the rooms and their conversations.
 * It receives frames and returns which topics they changed; it does no I/O.
 */
import { Conversations } from "./conversations.js";
import { Directory } from "./directory.js";
import { DEFAULT_ROOM } from "./limits.js";
import { LinkState } from "./link-state.js";
import { messageFromEntry } from "./messages.js";
import { keyOfPeer, peerOfKey } from "./places.js";
import { TOPICS, receiveFrame } from "./receiving.js";

export class Chat extends Directory {
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
  /** The ids of the people who are blocked. */
  blocked = new Set();
  conversations = new Conversations();
  activeRoom = DEFAULT_ROOM;
  /** Whether somebody sees the newest message of the conversation that is shown. */
  isWatching = false;
  /** Where the log is to be read on; null before the first event. */
  cursor = null;

  get isReady() {
    return this.link.state === "open" && this.nodeState !== "away" && this.node !== null;
  }

  get active() {
    return this.conversation(this.activeRoom);
  }

  /** What layout.js needs to know besides the messages shown. */
  get surroundings() {
    const others = this.peersIn(this.activeRoom).map(({ peer_id: id }) => id);
    const { line } = this.active.reading;
    return { me: this.node?.peer_id, isWaiting: !this.isReady, others, unreadFrom: line?.before, unreadCount: line?.count };
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
    if (peerOfKey(key)) this.directs.add(key);
    this.active.reading.beginVisit();
    return ["rooms", "peers", "messages"];
  }

  /** Block somebody, or no more: what they wrote goes, or is asked for anew. */
  block(peerId, isBlocked) {
    if (isBlocked) this.blocked.add(peerId);
    else this.blocked.delete(peerId);
    if (isBlocked) this.conversations.dropAuthor(peerId);
    else this.conversations.forgetHistory();
    if (isBlocked) this.directs.delete(keyOfPeer(peerId));
    return TOPICS;
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
