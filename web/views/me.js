/** Who this node is, for its own people. */
import { shortId } from "../model/author.js";
import { byId, el } from "./dom.js";
import { identicon } from "./identicon.js";

export function mountMe(chat) {
  let shown = null;
  return function render() {
    const id = chat.node?.peer_id;
    if (!id || id === shown) return;
    shown = id;
    const name = el("p", { class: "me-name", title: id }, shortId(id));
    const words = el("div", {}, name, el("p", { class: "hint" }, "is how others see you"));
    byId("me").replaceChildren(identicon(id), words);
  };
}
