/** The gateway's token, where it asks for one: stored in this browser, sent when connecting. */

const KEY = "wsp.token";
const SUBPROTOCOL = "wsp.chat.v1";

export class Token {
  #storage;

  constructor(storage) {
    this.#storage = storage;
  }

  keep(value) {
    this.#storage.set(KEY, value);
  }

  /** The subprotocols to offer: a page can put a token nowhere else. */
  get subprotocols() {
    const value = this.#storage.get(KEY);
    return value ? [SUBPROTOCOL, `bearer.${base64Url(value)}`] : [];
  }

  /** The headers of a request. */
  get headers() {
    const value = this.#storage.get(KEY);
    return value ? { authorization: `Bearer ${value}` } : {};
  }
}

function base64Url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
