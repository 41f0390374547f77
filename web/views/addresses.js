/** This node's addresses: to copy, and one of them to scan. */
import { COPIED_NOTE_MS } from "../model/limits.js";
import { copyText } from "./clipboard.js";
import { byId, el, icon, setText } from "./dom.js";
import { KeyedList } from "./keyed.js";
import { qrCode } from "./qr.js";

export function mountAddresses(chat) {
  let scanned = null;
  const choose = (address) => {
    scanned = address;
    byId("qr").replaceChildren(...(address ? [qrCode(address)] : []));
    render();
  };
  const list = new KeyedList(byId("addresses"), (row) => row.address, (row) => addressRow(row, choose));
  function render() {
    const addresses = (chat.node?.addresses ?? []).filter((address) => !isLocal(address));
    setText(byId("address-hint"), addresses.length > 0 ? GIVE : NONE);
    if (!addresses.includes(scanned)) {
      const best = addresses[0] ?? null;
      if (best !== scanned) return choose(best);
    }
    list.show(addresses.map((address) => ({ address, isScanned: address === scanned })));
  }
  return render;
}

function addressRow({ address }, choose) {
  const place = address.replace(/\/p2p\/[^/]+$/, "");
  const scan = iconButton("qr", `Show the QR code of ${place}`);
  const copy = iconButton("copy", `Copy the address ${place}`);
  scan.addEventListener("click", () => choose(address));
  copy.addEventListener("click", () => copyAddress(address));
  const text = el("code", { class: "address", title: address }, address);
  return {
    element: el("li", { class: "address-row" }, text, scan, copy),
    update: ({ isScanned }) => scan.setAttribute("aria-pressed", String(isScanned)),
  };
}

async function copyAddress(address) {
  const result = byId("copy-result");
  const isCopied = await copyText(address);
  result.dataset.state = isCopied ? "done" : "failed";
  setText(result, isCopied ? "Copied." : "The browser did not let it be copied.");
  setTimeout(() => setText(result, ""), COPIED_NOTE_MS);
}

function iconButton(name, label) {
  return el("button", { class: "icon-button", type: "button", "aria-label": label, title: label }, icon(name));
}

/** Whether an address means another machine to whoever is given it: it leads to nobody's own. */
function isLocal(address) {
  return /^\/ip4\/(?:127\.|0\.0\.0\.0\/)|^\/ip6\/(?:::1?|fe80:[^/]*)\/|^\/dns[46]?\/localhost\//i.test(address);
}

const GIVE = "Give it to somebody so that they can connect to you.";
const NONE = "This node has no address that another machine could use yet. An invite works as soon as it has one.";
