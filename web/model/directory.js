/** Whom and what there is: the node, its rooms, the peers and what they are called. Part of Chat. */
import { peerOfKey } from "./places.js";
import { Peers } from "./peers.js";
import { People } from "./people.js";

export class Directory {
  /** The node as it reports itself; null before the first snapshot. */
  node = null;
  peers = new Peers();
  people = new People();
  /** The keys of the direct conversations. */
  directs = new Set();

  get rooms() {
    return this.node?.rooms ?? [];
  }

  /** The keys of what is listed: the rooms that are joined, and the direct conversations. */
  get keys() {
    return [...this.rooms, ...this.directs];
  }

  /** Whether what is written to a conversation is accepted by the node as things stand. */
  isJoined(key) {
    return this.node === null || peerOfKey(key) !== null || this.rooms.includes(key);
  }

  /** The peers that are in a conversation now: in a room, or the other end where it is connected. */
  peersIn(key) {
    const other = peerOfKey(key);
    if (other === null) return this.peers.in(key);
    return [this.peers.get(other)].filter(Boolean);
  }

  /** Name a conversation: its room, or whom it is with. */
  titleOf(key) {
    const other = peerOfKey(key);
    return other === null ? key : this.nameOf(other);
  }

  /** Whether the node does something, by the name of the call or event. */
  can(feature) {
    return this.node?.features?.includes(feature) ?? false;
  }

  /** What somebody is called. */
  nameOf(peerId) {
    return this.people.nameOf(peerId);
  }
}
