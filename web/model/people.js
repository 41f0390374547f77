/** What people are called: by their profiles, or as the person at this page calls them. */
import { shortId } from "./author.js";

export class People {
  #byId = new Map();

  /** Take profiles as the node lists and reports them. */
  learn(profiles) {
    for (const profile of profiles) this.#byId.set(profile.peer_id, profile);
  }

  get(peerId) {
    return this.#byId.get(peerId);
  }

  /** Name a peer; whoever looks like another one by name has a short id behind it. */
  nameOf(peerId) {
    const profile = this.#byId.get(peerId);
    const name = profile?.petname || profile?.name;
    if (!name) return shortId(peerId);
    const isAmbiguous = !profile.petname && (profile.lookalike_ids ?? []).length > 0;
    return isAmbiguous ? `${name} (${shortId(peerId)})` : name;
  }

  /** List what a peer is mentioned by: its id, its short id and its name. */
  namesOf(peerId) {
    return peerId ? [peerId, shortId(peerId), this.#byId.get(peerId)?.name ?? ""].filter(Boolean) : [];
  }

  /** What to write behind `@` so that a peer is mentioned, whatever it is called here. */
  handleOf(peerId) {
    const profile = this.#byId.get(peerId);
    const isUnique = profile?.name && (profile.lookalike_ids ?? []).length === 0;
    return isUnique ? profile.name : shortId(peerId);
  }

  /** What shows that a peer looks another way than before. */
  lookOf(peerId) {
    const { avatar_hash: hash = "", color = "" } = this.#byId.get(peerId) ?? {};
    return `${this.nameOf(peerId)} ${hash} ${color}`;
  }
}
