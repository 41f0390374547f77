/** What a person has set for this browser. Pure. */

/** Each setting with what it may be; the first is the one from the beginning. */
export const CHOICES = {
  theme: ["system", "light", "dark"],
  textSize: ["normal", "small", "large"],
  clock: ["auto", "24", "12"],
  notify: ["off", "mentions", "all"],
};

/** Read settings that were stored; what cannot be read is as from the beginning. */
export function preferencesFrom(json) {
  let stored = {};
  try {
    stored = JSON.parse(json) ?? {};
  } catch {
    stored = {};
  }
  const entries = Object.entries(CHOICES).map(([name, allowed]) => [name, allowed.includes(stored[name]) ? stored[name] : allowed[0]]);
  return Object.fromEntries(entries);
}
