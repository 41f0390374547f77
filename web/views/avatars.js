/**
 * How people look: their picture where they have one, their pattern otherwise. A picture
 * comes from somebody else, so it is shown only as what its first bytes say it is, from a
 * blob of that type, and no byte of it is read otherwise.
 */
import { imageTypeOf } from "../model/images.js";
import { MAX_PICTURES } from "../model/limits.js";
import { el } from "./dom.js";
import { identicon } from "./identicon.js";

export class Avatars {
  #people;
  #load;
  #loaded;
  #urls = new Map();

  /** @param load promises a profile with its picture; `loaded()` is called when one is there */
  constructor(people, load, loaded) {
    this.#people = people;
    this.#load = load;
    this.#loaded = loaded;
  }

  /** Make an element that shows how a peer looks now. */
  of(peerId) {
    const hash = this.#people.get(peerId)?.avatar_hash;
    const url = hash ? this.#urlOf(peerId, hash) : null;
    return url ? el("img", { class: "identicon", src: url, alt: "", width: 36, height: 36 }) : identicon(peerId);
  }

  /** Show in an element how a peer looks; it is changed only where that is another way than before. */
  showIn(element, peerId) {
    const look = this.lookOf(peerId);
    if (element.dataset.look === look) return;
    element.dataset.look = look;
    element.replaceChildren(this.of(peerId));
  }

  /** What shows that a peer looks another way than before. */
  lookOf(peerId) {
    return `${this.#people.lookOf(peerId)} ${this.#urls.get(this.#people.get(peerId)?.avatar_hash) ?? ""}`;
  }

  #urlOf(peerId, hash) {
    if (!this.#urls.has(hash)) this.#fetch(peerId, hash);
    return this.#urls.get(hash);
  }

  async #fetch(peerId, hash) {
    this.#put(hash, null);
    try {
      const { profile } = await this.#load(peerId);
      const bytes = Uint8Array.from(atob(profile.avatar ?? ""), (char) => char.charCodeAt(0));
      const type = imageTypeOf(bytes);
      if (!type) return;
      this.#put(hash, URL.createObjectURL(new Blob([bytes], { type })));
      this.#loaded();
    } catch {
      this.#urls.delete(hash);
    }
  }

  #put(hash, url) {
    this.#urls.set(hash, url);
    if (this.#urls.size <= MAX_PICTURES) return;
    const [[oldest, oldUrl]] = this.#urls;
    this.#urls.delete(oldest);
    if (oldUrl) URL.revokeObjectURL(oldUrl);
  }
}
