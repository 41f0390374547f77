/** Asks for the gateway's token, where it does not let us in without. */
import { byId } from "./dom.js";

/** @param keep stores the token that was written */
export function mountToken(chat, keep) {
  const form = byId("token-form");
  const field = byId("token");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    keep(field.value.trim());
    field.value = "";
  });
  return function render() {
    form.hidden = !chat.link.isTokenWanted;
  };
}
