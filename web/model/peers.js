/** Who is connected to the node, and who of them is in which room. */

export class Peers {
  #byId = new Map();

  /** Start over from a snapshot. */
  replace(peers) {
    this.#byId = new Map(peers.map((peer) => [peer.peer_id, withRooms(peer)]));
  }

  connect(peer) {
    const rooms = this.#byId.get(peer.peer_id)?.rooms ?? [];
    this.#byId.set(peer.peer_id, withRooms({ ...peer, rooms: [...rooms, ...(peer.rooms ?? [])] }));
  }

  disconnect(peerId) {
    this.#byId.delete(peerId);
  }

  join(peerId, room) {
    const known = this.#byId.get(peerId) ?? withRooms({ peer_id: peerId, addresses: [] });
    known.rooms.add(room);
    this.#byId.set(peerId, known);
  }

  leave(peerId, room) {
    this.#byId.get(peerId)?.rooms.delete(room);
  }

  in(room) {
    return this.#sorted().filter((peer) => peer.rooms.has(room));
  }

  notIn(room) {
    return this.#sorted().filter((peer) => !peer.rooms.has(room));
  }

  #sorted() {
    return [...this.#byId.values()].sort((a, b) => (a.peer_id < b.peer_id ? -1 : 1));
  }
}

function withRooms(peer) {
  return { ...peer, rooms: new Set(peer.rooms ?? []) };
}
