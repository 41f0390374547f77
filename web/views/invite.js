/** The dialog with an invite to the room: a line, a link and a code to scan. */
import { inviteLink } from "../model/invites.js";
import { COPIED_NOTE_MS } from "../model/limits.js";
import { copyText } from "./clipboard.js";
import { openDialog } from "./dialogs.js";
import { byId, setText } from "./dom.js";
import { qrCode } from "./qr.js";

/** @param invite promises the answer of the node for the room that is shown */
export function mountInvite(chat, invite) {
  const dialog = byId("invite-dialog");
  const buttons = ["invite", "log-invite", "add-invite"].map(byId);
  for (const button of buttons) button.addEventListener("click", () => show(chat.activeRoom, invite));
  bindCopy(byId("copy-invite"), () => byId("invite-line").textContent);
  bindCopy(byId("copy-invite-link"), () => dialog.dataset.link);
  return function render() {
    const canInvite = chat.isReady && chat.rooms.includes(chat.activeRoom);
    byId("invite").hidden = !canInvite;
    byId("add-invite").disabled = !canInvite;
  };
}

async function show(room, invite) {
  const dialog = byId("invite-dialog");
  setText(byId("invite-room"), room);
  setText(byId("invite-line"), "");
  report("Making an invite…", "busy");
  byId("invite-qr").replaceChildren();
  openDialog(dialog);
  try {
    const { invite: line } = await invite(room);
    dialog.dataset.link = inviteLink(document.baseURI, line);
    setText(byId("invite-line"), line);
    byId("invite-qr").replaceChildren(qrCode(line, "QR code of the invite"));
    report("", "done");
  } catch (error) {
    report(error.message, "failed");
  }
}

function bindCopy(button, textOf) {
  button.addEventListener("click", async () => {
    const isCopied = await copyText(textOf());
    report(isCopied ? "Copied." : "The browser did not let it be copied.", isCopied ? "done" : "failed");
    setTimeout(() => report("", "done"), COPIED_NOTE_MS);
  });
}

function report(text, state) {
  const result = byId("invite-result");
  setText(result, text);
  result.dataset.state = state;
}
