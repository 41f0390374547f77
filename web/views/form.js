/** A form with one field whose outcome is told below it. */
import { setText } from "./dom.js";

/**
 * @param words `busy` is told while `run(value)` is under way, then what
 *   `done(answer)` gives, or the error's own words
 */
export function bindForm(form, result, { busy, run, done }) {
  const field = form.querySelector("input");
  const tell = (text, state) => {
    setText(result, text);
    result.dataset.state = state;
    form.ariaBusy = String(state === "busy");
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const value = field.value.trim();
    if (!value || form.ariaBusy === "true") return;
    tell(busy, "busy");
    try {
      tell(done(await run(value)), "done");
      field.value = "";
    } catch (error) {
      tell(sentence(error.message), "failed");
    }
  });
}

function sentence(text) {
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}
