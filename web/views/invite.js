/** The dialog with an invite to the room: a line, a link and a code to scan. */
import { inviteLink } from "../model/invites.js";
import { COPIED_NOTE_MS } from "../model/limits.js";
import { copyText } from "./clipboard.js";
import { byId, setText } from "./dom.js";
import { qrCode } from "./qr.js";

/** @param invite promises the answer of the node for the room that is shown */
export function mountInvite(chat, invite) {
  const dialog = byId("invite-dialog");
  const button = byId("invite");
  button.addEventListener("click", () => show(chat.activeRoom, invite));
  bindCopy(byId("copy-invite"), () => byId("invite-line").textContent);
  bindCopy(byId("copy-invite-link"), () => dialog.dataset.link);
  byId("invite-close").addEventListener("click", () => dialog.close());
  return function render() {
    button.hidden = !chat.isReady || !chat.rooms.includes(chat.activeRoom);
  };
}

async function show(room, invite) {
  const dialog = byId("invite-dialog");
  setText(byId("invite-room"), room);
  setText(byId("invite-line"), "");
  report("Making an invite…", "busy");
  byId("invite-qr").replaceChildren();
  dialog.showModal();
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
