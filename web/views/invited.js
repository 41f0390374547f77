/** Asks whether to accept the invite that the page was opened with. */
import { roomOfInvite } from "../model/invites.js";
import { closeDialog, openDialog } from "./dialogs.js";
import { byId, setText } from "./dom.js";
import { meetingText } from "./dial.js";

/** @param meetings `invite` or null; `accept(invite)` promises the answer; `decline(room)` */
export function mountInvited(chat, meetings) {
  const dialog = byId("invited-dialog");
  const accept = byId("invited-accept");
  let asked = null;

  async function run() {
    const invite = asked;
    accept.disabled = true;
    report("Connecting…", "busy");
    try {
      const answer = await meetings.accept(invite);
      report(meetingText(answer, (id) => chat.nameOf(id)), answer.failure ? "failed" : "done");
      accept.hidden = true;
      setText(byId("invited-decline"), "Close");
    } catch (error) {
      report(error.message, "failed");
    }
    accept.disabled = false;
  }

  accept.addEventListener("click", run);
  byId("invited-decline").addEventListener("click", () => closeDialog(dialog));
  dialog.addEventListener("close", () => {
    if (!accept.hidden) meetings.decline(chat.activeRoom);
  });
  return function render() {
    const { invite } = meetings;
    if (!chat.isReady || invite === asked) return;
    asked = invite;
    if (invite === null) return;
    setText(byId("invited-room"), roomOfInvite(asked) || "a room");
    setText(byId("invited-decline"), "Not now");
    accept.hidden = false;
    report("", "done");
    openDialog(dialog);
  };
}

function report(text, state) {
  const result = byId("invited-result");
  setText(result, text);
  result.dataset.state = state;
}
