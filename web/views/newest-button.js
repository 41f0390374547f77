/** The round button that leads to the newest message, with how many came meanwhile. */
import { byId, setText } from "./dom.js";
import { count } from "./formats.js";

const MOST_COUNTED = 99;

/** @param arrived how many messages came since the newest was last in sight */
export function showNewestButton(isShown, arrived) {
  byId("new-messages").hidden = !isShown;
  setText(byId("new-messages-label"), arrived > 0 ? `${count(arrived, "new message")}, go to the newest` : "Go to the newest message");
  byId("new-messages-count").hidden = arrived <= 0;
  setText(byId("new-messages-count"), arrived > MOST_COUNTED ? `${MOST_COUNTED}+` : String(arrived));
}
