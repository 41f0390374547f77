/** Applies what a person has set for this browser, and the part of the settings that sets it. */
import { byId, setText } from "./dom.js";
import { setClock } from "./formats.js";

/**
 * @param preferences a `PreferenceStore`; changed() has what shows times drawn again
 */
export function mountPreferences(preferences, changed) {
  const form = byId("preferences");
  const apply = () => {
    const { theme, textSize, clock } = preferences.values;
    const { dataset } = document.documentElement;
    if (theme === "system") delete dataset.theme;
    else dataset.theme = theme;
    dataset.textSize = textSize;
    setClock(clock);
    for (const field of form.querySelectorAll("select")) field.value = preferences.values[field.name];
    changed();
  };
  for (const field of form.querySelectorAll("select")) {
    field.addEventListener("change", () => {
      preferences.set(field.name, field.value);
      apply();
      if (field.name === "notify" && field.value !== "off") askForNotifications();
    });
  }
  preferences.watch(apply);
  apply();
}

async function askForNotifications() {
  const answer = typeof Notification === "function" ? await Notification.requestPermission() : "denied";
  const words = "This browser does not let the page notify you. Its settings for this site can change that.";
  setText(byId("notify-result"), answer === "granted" ? "" : words);
}
