/** The card of a person: who, how they are connected, and what can be done. */
import { factsOfConnection } from "../model/connections.js";
import { COPIED_NOTE_MS } from "../model/limits.js";
import { copyText } from "./clipboard.js";
import { openDialog } from "./dialogs.js";
import { byId, el, setText } from "./dom.js";
import { bindForm } from "./form.js";
import { milliseconds } from "./formats.js";

const MAX_AGENT_CHARACTERS = 120;

/** @param rename calls a person otherwise, promising; @returns `show(peerId)` and `render()` */
export function mountPerson(chat, avatars, rename) {
  let shown = null;
  const render = () => {
    if (shown === null) return;
    setText(byId("person-title"), chat.nameOf(shown));
    const { about = "" } = chat.people.get(shown) ?? {};
    const words = el("div", {}, el("p", { class: "about", dir: "auto" }, about), el("code", { class: "peer-id" }, shown));
    byId("person-card").replaceChildren(avatars.of(shown), words);
    byId("person-facts").replaceChildren(...factsOf(chat, shown));
  };
  bindForm(byId("petname-form"), byId("petname-result"), {
    busy: "Saving…",
    run: (petname) => rename(shown, petname),
    done: () => "Saved.",
    isEmptyAllowed: true,
  });
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
