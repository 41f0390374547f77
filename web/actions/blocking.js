/** Leaves people alone: blocks, unblocks and disconnects them. */

export class Blocking {
  #chat;
  #source;
  #touch;
  #resume;

  /** @param resume asks anew for what is shown */
  constructor({ chat, source, touch, resume }) {
    this.#resume = resume;
    this.#chat = chat;
    this.#source = source;
    this.#touch = touch;
  }

  /** Learn who is blocked; what changes is reported later. */
  async loadAll() {
    if (!this.#chat.can("block_peer")) return;
    const blocked = [];
    for (let token = ""; token !== null; ) {
      const answer = await this.#source.request({ type: "list_blocked_peers", page_token: token }).catch(() => null);
      blocked.push(...(answer?.peers ?? []).map(({ peer_id: peerId }) => peerId));
      token = answer?.next_page_token ?? null;
    }
    this.#chat.blocked = new Set(blocked);
    this.#touch(["people"]);
  }

  async block(peerId) {
    await this.#source.request({ type: "block_peer", peer_id: peerId });
    this.#touch(this.#chat.block(peerId, true));
  }

  async unblock(peerId) {
    await this.#source.request({ type: "unblock_peer", peer_id: peerId });
    this.#touch(this.#chat.block(peerId, false));
    this.#resume();
  }

  async disconnect(peerId) {
    await this.#source.request({ type: "disconnect_peer", peer_id: peerId, forget: false });
  }
}
