/** Asks the node what people are called and how they look, and tells it what to call them. */

export class Profiles {
  #chat;
  #source;
  #touch;

  constructor({ chat, source, touch }) {
    this.#chat = chat;
    this.#source = source;
    this.#touch = touch;
  }

  /** Learn all names that the node knows, where it knows any; what changes is reported later. */
  async loadAll() {
    if (!this.#chat.can("list_profiles")) return;
    for (let token = ""; token !== null; ) {
      const answer = await this.#source.request({ type: "list_profiles", page_token: token }).catch(() => null);
      this.#learn(answer?.profiles ?? []);
      token = answer?.next_page_token ?? null;
    }
  }

  /** Promise a profile with its picture. */
  load(peerId) {
    return this.#source.request({ type: "get_profile", peer_id: peerId });
  }

  /** Call somebody otherwise at this node; "" ends that. */
  async rename(peerId, petname) {
    this.#learn([(await this.#source.request({ type: "set_petname", peer_id: peerId, petname })).profile]);
  }

  /** Publish what the person at this node says of themselves; `avatar` is base64. */
  async publish({ name, about, color, avatar }) {
    this.#learn([(await this.#source.request({ type: "set_profile", name, about, color, avatar })).profile]);
  }

  #learn(profiles) {
    this.#chat.people.learn(profiles);
    this.#touch(["people"]);
  }
}
