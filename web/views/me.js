/** This node, for its own people: at the foot of the list, and on its card. */
import { byId, el } from "./dom.js";

export function mountMe(chat, avatars) {
  let shown = null;
  return function render() {
    const id = chat.node?.peer_id;
    const look = id && `${id} ${avatars.lookOf(id)}`;
    if (!id || look === shown) return;
    shown = look;
    const name = () => el("bdi", { class: "me-name", title: id }, chat.nameOf(id));
    const hint = el("span", { class: "hint" }, "You: address and connections");
    byId("me").replaceChildren(avatars.of(id), el("span", { class: "me-words" }, name(), hint));
    byId("me").hidden = false;
    byId("me-card").replaceChildren(avatars.of(id), el("div", {}, name(), el("code", { class: "peer-id" }, id)));
  };
}
