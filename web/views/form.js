/** A form with one field, or a button, whose outcome is shown in an element. */
import { setText } from "./dom.js";

/**
 * @param words `busy` is shown while `run(value)` is under way, then what
 *   `done(answer)` gives, or the error's own words; a field that may be empty keeps what it has
 */
export function bindForm(form, result, { busy, run, done, isEmptyAllowed = false }) {
  const field = form.querySelector("input");
  const tell = (text, state) => {
    setText(result, text);
    result.dataset.state = state;
    form.setAttribute("aria-busy", String(state === "busy"));
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const value = field.value.trim();
    if ((!value && !isEmptyAllowed) || form.getAttribute("aria-busy") === "true") return;
    tell(busy, "busy");
    try {
      tell(done(await run(value)), "done");
      if (!isEmptyAllowed) field.value = "";
    } catch (error) {
      tell(sentence(error.message), "failed");
    }
  });
}

/** Run something on a press; show why it failed. */
export function bindButton(button, result, run) {
  button.addEventListener("click", async () => {
    try {
      await run();
      setText(result, "");
    } catch (error) {
      setText(result, sentence(error.message));
      result.dataset.state = "failed";
    }
  });
}

function sentence(text) {
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}
