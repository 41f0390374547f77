/** The form that accepts an invite, or dials an address, and shows the outcome. */
import { acceptedText, connectedText } from "../model/invites.js";
import { byId } from "./dom.js";
import { bindForm } from "./form.js";

/** @param meet promises the answer of the node to an invite or an address */
export function mountDial(chat, meet) {
  bindForm(byId("dial-form"), byId("dial-result"), {
    busy: "Connecting…",
    run: meet,
    done: (answer) => meetingText(answer, (id) => chat.nameOf(id)),
  });
}

/** Say what came of an invite or of a dial. */
export function meetingText(answer, name) {
  return answer.room ? acceptedText(answer, name) : connectedText(answer.peer, name);
}
