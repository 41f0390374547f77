/** The form that accepts an invite, or dials an address, and shows the outcome. */
import { shortId } from "../model/author.js";
import { acceptedText, connectedText } from "../model/invites.js";
import { byId } from "./dom.js";
import { bindForm } from "./form.js";

/** @param meet promises the answer of the node to an invite or an address */
export function mountDial(meet) {
  bindForm(byId("dial-form"), byId("dial-result"), {
    busy: "Connecting…",
    run: meet,
    done: meetingText,
  });
}

/** Say what came of an invite or of a dial. */
export function meetingText(answer) {
  return answer.room ? acceptedText(answer, shortId) : connectedText(answer.peer, shortId);
}
