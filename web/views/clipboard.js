/** Copies a text, also where the page is not in a secure context. */
import { el } from "./dom.js";

/** Promise whether it worked. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** The way of before: select the text in a field and let the browser copy it. */
function copyBySelection(text) {
  const before = document.activeElement;
  const field = el("textarea", { class: "visually-hidden", readonly: true, "aria-hidden": "true" });
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  before?.focus();
  return isCopied;
}
