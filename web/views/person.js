/** The card of a person: who, how they are connected, and what can be done. */
import { factsOfConnection } from "../model/connections.js";
import { COPIED_NOTE_MS } from "../model/limits.js";
import { copyText } from "./clipboard.js";
import { closeDialog, openDialog } from "./dialogs.js";
import { byId, el, setText } from "./dom.js";
import { bindButton, bindForm } from "./form.js";
import { milliseconds } from "./formats.js";
import { showToast } from "./toast.js";

const MAX_AGENT_CHARACTERS = 120;

/** @param actions `rename(peerId, petname)`, `block`, `unblock`, `disconnect`, which promise, and `writeTo(peerId)`; @returns `show(peerId)` and `render()` */
export function mountPerson(chat, avatars, actions) {
  let shown = null;
  const render = () => {
    if (shown === null) return;
    setText(byId("person-title"), chat.nameOf(shown));
    const { about = "" } = chat.people.get(shown) ?? {};
    const words = el("div", {}, el("p", { class: "about", dir: "auto" }, about), el("code", { class: "peer-id" }, shown));
    byId("person-card").replaceChildren(avatars.of(shown), words);
    showActions(chat, shown);
    byId("person-facts").replaceChildren(...factsOf(chat, shown));
  };
  bindForm(byId("petname-form"), byId("petname-result"), {
    busy: "Saving…",
    run: (petname) => actions.rename(shown, petname),
    done: () => "Saved.",
    isEmptyAllowed: true,
  });
  bindActions(chat, () => shown, actions);
  byId("person-copy").addEventListener("click", async () => {
    const isCopied = await copyText(shown);
    const result = byId("person-result");
    result.dataset.state = isCopied ? "done" : "failed";
    setText(result, isCopied ? "Copied." : "The browser did not let it be copied.");
    setTimeout(() => setText(result, ""), COPIED_NOTE_MS);
  });
  const show = (peerId) => {
    if (peerId === chat.node?.peer_id) return openDialog(byId("me-dialog"));
    shown = peerId;
    byId("petname-form").hidden = !chat.can("set_petname");
    byId("petname").value = chat.people.get(peerId)?.petname ?? "";
    render();
    return openDialog(byId("person-dialog"));
  };
  return { show, render };
}

function bindActions(chat, shown, { block, unblock, disconnect, writeTo }) {
  const result = byId("person-result");
  byId("person-write").addEventListener("click", () => {
    closeDialog(byId("person-dialog"));
    writeTo(shown());
  });
  bindButton(byId("person-disconnect"), result, () => disconnect(shown()));
  bindButton(byId("person-block"), result, async () => {
    const peerId = shown();
    if (chat.blocked.has(peerId)) return unblock(peerId);
    await block(peerId);
    closeDialog(byId("person-dialog"));
    return showToast(`${chat.nameOf(peerId)} is blocked.`, { label: "Undo", run: () => unblock(peerId) });
  });
}

function showActions(chat, peerId) {
  byId("person-write").hidden = !chat.can("direct_messages");
  byId("person-disconnect").hidden = !chat.can("disconnect_peer") || !chat.peers.get(peerId);
  byId("person-block").hidden = !chat.can("block_peer");
  setText(byId("person-block"), chat.blocked.has(peerId) ? "Unblock" : "Block");
}

function factsOf(chat, peerId) {
  const peer = chat.peers.get(peerId);
  const facts = peer
    ? factsOfConnection(peer.connection, { milliseconds, name: (id) => chat.nameOf(id) })
    : [["Connection", "Not connected now"]];
  const rooms = [...(peer?.rooms ?? [])].filter((room) => chat.rooms.includes(room));
  if (rooms.length > 0) facts.push(["Rooms you share", rooms.join(", ")]);
  if (peer?.agent) facts.push(["Program", peer.agent.slice(0, MAX_AGENT_CHARACTERS)]);
  return facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]);
}
