/** Who is connected to the node, and who of them is in which room. */

export class Peers {
  #byId = new Map();

  /** Start over from a snapshot. */
  replace(peers) {
    this.#byId = new Map(peers.map((peer) => [peer.peer_id, withRooms(peer)]));
  }

  /** Take an event about one peer. */
  receive(frame) {
    const { type, peer_id: peerId, room } = frame;
    if (type === "peer_connected") this.#connect(frame.peer);
    if (type === "peer_disconnected") this.#byId.delete(peerId);
    if (type === "peer_joined") this.#byId.get(peerId)?.rooms.add(room);
    if (type === "peer_left") this.#byId.get(peerId)?.rooms.delete(room);
  }

  /** Update the connections; events report which peers are here. */
  measure(peers) {
    for (const { peer_id: peerId, connection } of peers) {
      const known = this.#byId.get(peerId);
      if (known) known.connection = connection;
    }
  }

  get(peerId) {
    return this.#byId.get(peerId);
  }

  get all() {
    return this.#sorted();
  }

  in(room) {
    return this.#sorted().filter((peer) => peer.rooms.has(room));
  }

  notIn(room) {
    return this.#sorted().filter((peer) => !peer.rooms.has(room));
  }

  /** A peer is reported again once its program is known, and when it is connected in another way; its rooms stay. */
  #connect(peer) {
    const rooms = this.#byId.get(peer.peer_id)?.rooms ?? [];
    this.#byId.set(peer.peer_id, withRooms({ ...peer, rooms: [...rooms, ...peer.rooms] }));
  }

  #sorted() {
    return [...this.#byId.values()].sort((a, b) => (a.peer_id < b.peer_id ? -1 : 1));
  }
}

function withRooms(peer) {
  return { ...peer, rooms: new Set(peer.rooms) };
}
