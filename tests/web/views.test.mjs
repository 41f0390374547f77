/** Each view alone: a model, a small document, and what it makes of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "../../web/model/chat.js";
import { Drafts } from "../../web/model/drafts.js";
import { FOLD_LINES } from "../../web/model/limits.js";
import { keyOfPeer } from "../../web/model/places.js";
import { mountAddresses } from "../../web/views/addresses.js";
import { Avatars } from "../../web/views/avatars.js";
import { mountBanners } from "../../web/views/banners.js";
import { copyText } from "../../web/views/clipboard.js";
import { mountComposer } from "../../web/views/composer.js";
import { mountDial } from "../../web/views/dial.js";
import { el, icon, setText } from "../../web/views/dom.js";
import { mountDrawers } from "../../web/views/drawers.js";
import { reportError, watchFailures } from "../../web/views/failures.js";
import { bindButton, bindForm } from "../../web/views/form.js";
import { arrivalTime, count, dayName, listTime, milliseconds, number } from "../../web/views/formats.js";
import { mountHeader } from "../../web/views/header.js";
import { identicon } from "../../web/views/identicon.js";
import { mountInputMethod } from "../../web/views/input-method.js";
import { KeyedList } from "../../web/views/keyed.js";
import { askBeforeLeaving } from "../../web/views/leaving.js";
import { startNote } from "../../web/views/log-start.js";
import { mountInvite } from "../../web/views/invite.js";
import { mountInvited } from "../../web/views/invited.js";
import { mountMe } from "../../web/views/me.js";
import { messageRow } from "../../web/views/message-row.js";
import { messageState } from "../../web/views/message-state.js";
import { messageText } from "../../web/views/message-text.js";
import { ConversationView } from "../../web/views/conversation-view.js";
import { mountDialogs } from "../../web/views/dialogs.js";
import { mountFocus } from "../../web/views/focus.js";
import { bindMenu } from "../../web/views/menu.js";
import { mountPeers } from "../../web/views/peers.js";
import { mountPerson } from "../../web/views/person.js";
import { Place } from "../../web/views/place.js";
import { qrCode } from "../../web/views/qr.js";
import { whenResized } from "../../web/views/resize.js";
import { mountReach } from "../../web/views/reach.js";
import { mountRooms } from "../../web/views/rooms.js";
import { route } from "../../web/views/route.js";
import { Screen } from "../../web/views/screen.js";
import { showToast } from "../../web/views/toast.js";
import { mountToken } from "../../web/views/token.js";
import { define, openDocument } from "./dom.mjs";
import { ANN, ME, ROOM, messageFrame, snapshotFrame } from "./frames.mjs";

const byId = (id) => document.getElementById(id);
const textsOf = (list) => list.children.map((one) => one.textContent);
const turn = () => new Promise((resolve) => setImmediate(resolve));
const avatarsOf = (chat) => new Avatars(chat.people, () => Promise.reject(new Error("none")), () => undefined);
const NO_STORE = { load: () => null, save: () => true, drop: () => undefined };

function openChat(changes) {
  const chat = new Chat();
  chat.changeLink("open", 0, 0);
  chat.receive(snapshotFrame(changes));
  return chat;
}

/** Define a test with a document of its own. */
function view(name, run) {
  test(name, (context) => {
    openDocument(context);
    return run(context);
  });
}

view("an element has its attributes and children, none of which is markup", () => {
  const made = el("p", { class: "a", hidden: false, title: undefined, readonly: true }, "<b>", icon("send"));
  assert.equal(made.getAttribute("class"), "a");
  assert.equal(made.getAttribute("title"), null);
  assert.equal(made.getAttribute("readonly"), "");
  assert.equal(made.firstChild.textContent, "<b>");
  assert.equal(made.querySelector("use").getAttribute("href"), "#icon-send");
  const child = made.firstChild;
  setText(made, made.textContent);
  assert.equal(made.firstChild, child, "text that is there already is not set again");
});

view("a keyed list keeps the elements of items that stay, in the order of the items", () => {
  const list = byId("messages");
  const rows = new KeyedList(list, (item) => item.key, (item) => {
    const element = el("li", {}, item.key);
    return { element, update: (next) => setText(element, `${next.key}${next.state}`) };
  });
  rows.show([{ key: "a", state: 1 }, { key: "b", state: 1 }]);
  const [a, b] = list.children;
  rows.show([{ key: "c", state: 2 }, { key: "b", state: 2 }, { key: "a", state: 2 }]);
  assert.deepEqual(textsOf(list), ["c2", "b2", "a2"]);
  assert.deepEqual(list.children.slice(1), [b, a]);
  rows.show([{ key: "a", state: 3 }]);
  assert.deepEqual(textsOf(list), ["a3"]);
  rows.clear();
  assert.deepEqual(textsOf(list), []);
});

for (const failing of ["make", "update"]) {
  view(`a row that fails to ${failing} says so in its place, and the others are drawn`, (context) => {
    const complaints = context.mock.method(console, "error", () => undefined);
    const list = byId("messages");
    let isBroken = failing === "make";
    const fail = (item) => {
      if (item === "bad" && isBroken) throw new Error("no");
    };
    const rows = new KeyedList(list, (item) => item, (item) => {
      if (failing === "make") fail(item);
      return { element: el("li", {}, item), update: fail };
    });
    rows.show(["a", "bad", "z"]);
    isBroken = true;
    for (let time = 0; time < 3; time += 1) rows.show(["a", "bad", "z"]);
    assert.deepEqual(textsOf(list), ["a", "This cannot be shown here.", "z"]);
    assert.equal(complaints.mock.callCount(), 1);
    rows.show(["z"]);
    assert.deepEqual(textsOf(list), ["z"]);
  });
}

view("the screen draws what was touched once a frame, whichever view fails", (context) => {
  const frames = [];
  define(context, { requestAnimationFrame: (run) => frames.push(run) });
  context.mock.method(console, "error", () => undefined);
  const drawn = [];
  const failures = [];
  watchFailures((error) => failures.push(error.message));
  const screen = new Screen();
  screen.add(["a"], () => {
    throw new Error("broken view");
  });
  screen.add(["a", "b"], () => drawn.push("ab"));
  screen.add(["c"], () => drawn.push("c"));
  screen.touch([]);
  screen.touch(["a"]);
  screen.touch(["b"]);
  assert.equal(frames.length, 1);
  frames[0]();
  assert.deepEqual([drawn, failures], [["ab"], ["broken view"]]);
  screen.touch(["c"]);
  screen.draw();
  assert.deepEqual(drawn, ["ab", "c"]);
});

view("failures that nobody catches are heard, complaints of the browser are not", (context) => {
  context.mock.method(console, "error", () => undefined);
  const heard = [];
  watchFailures((error) => heard.push(error.message));
  window.fire("error", { error: new Error("thrown") });
  window.fire("error", { error: null });
  window.fire("unhandledrejection", { reason: new Error("rejected") });
  reportError(new Error("caught"));
  assert.deepEqual(heard, ["thrown", "rejected", "caught"]);
});

view("leaving is asked about only while something would be lost", () => {
  let isSafe = true;
  askBeforeLeaving(() => isSafe);
  assert.equal(window.fire("beforeunload").defaultPrevented, false);
  isSafe = false;
  assert.equal(window.fire("beforeunload").defaultPrevented, true);
});

for (const [name, events, isSent] of [
  ["an ordinary Enter", [["keydown", { keyCode: 13 }]], true],
  ["Safari's Enter behind the end", [["compositionend"], ["keydown", { keyCode: 229 }]], false],
  ["an Enter while it lasts", [["keydown", { isComposing: true }], ["compositionend"]], false],
  ["a key that is Process", [["keydown", { key: "Process", keyCode: 229 }]], false],
  ["an Enter of the same tick", [["compositionend"], ["keydown", { keyCode: 13 }]], false],
]) {
  view(`input method: ${name} is ${isSent ? "" : "not "}a key of the page`, (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const field = byId("join-room");
    mountInputMethod(document, { userAgent: "Safari" });
    const pressed = [];
    field.addEventListener("keydown", ({ key }) => pressed.push(key));
    for (const [type, fields] of events) field.fire(type, { key: "Enter", ...fields });
    assert.equal(pressed.length === 1, isSent);
    context.mock.timers.tick(1);
    const later = field.fire("keydown", { key: "Enter", keyCode: 13 });
    assert.equal(pressed.length, isSent ? 2 : 1, "the next Enter is the page's");
    assert.equal(later.defaultPrevented, false);
  });
}

view("on Android an Enter behind a word is a key of the page, since every word is composed", () => {
  const field = byId("composer-text");
  mountInputMethod(document, { userAgent: "Mozilla/5.0 (Linux; Android 15)" });
  let count = 0;
  field.addEventListener("keydown", () => (count += 1));
  field.fire("compositionend");
  field.fire("keydown", { key: "Enter", keyCode: 13 });
  assert.equal(count, 1);
});

function openComposer(chat) {
  const sent = [];
  const drafts = new Drafts(NO_STORE);
  const composer = mountComposer(chat, drafts, (texts, room) => void texts.forEach((text) => sent.push([room, text])));
  composer.render();
  const field = byId("composer-text");
  const write = (text) => {
    field.value = text;
    field.fire("input");
  };
  return { composer, drafts, field, sent, write, enter: (fields) => field.fire("keydown", { key: "Enter", ...fields }) };
}

view("Enter sends what is written to the room that is shown, Shift and Enter do not", () => {
  const { field, sent, write, enter } = openComposer(openChat());
  write("hello");
  enter({ shiftKey: true });
  assert.deepEqual(sent, []);
  assert.equal(enter().defaultPrevented, true);
  assert.deepEqual(sent, [[ROOM, "hello"]]);
  assert.equal(field.value, "");
  write("  \n");
  enter();
  assert.equal(sent.length, 1);
});

view("a draft goes with its room, and is sent to no other one", () => {
  const chat = openChat();
  const { composer, field, sent, write, enter } = openComposer(chat);
  write("to the first");
  chat.enter("other");
  enter();
  assert.deepEqual(sent, [[ROOM, "to the first"]], "what is shown is sent to the room that is shown");
  write("again");
  composer.render();
  assert.equal(field.value, "");
  write("to the other");
  chat.enter(ROOM);
  composer.render();
  assert.equal(field.value, "again");
});

view("what was typed before the page had started is a draft", () => {
  byId("composer-text").value = "early";
  const { drafts, field } = openComposer(openChat());
  assert.deepEqual([field.value, drafts.textIn(ROOM)], ["early", "early"]);
});

view("a text that fails to be sent stays in the composer", () => {
  const chat = openChat();
  const composer = mountComposer(chat, new Drafts(NO_STORE), () => {
    throw new Error("broken");
  });
  composer.render();
  const field = byId("composer-text");
  field.value = "kept";
  assert.throws(() => field.fire("keydown", { key: "Enter" }), /broken/);
  assert.equal(field.value, "kept");
});

view("a text that is too long can be sent as several messages", () => {
  const { field, sent, write } = openComposer(openChat());
  write("word ".repeat(8_000));
  const split = byId("composer-split");
  assert.deepEqual([split.hidden, split.textContent], [false, "Send as 2 messages"]);
  split.click();
  assert.deepEqual([sent.length, field.value, split.hidden], [2, "", true]);
});

view("what is written to a room that is not joined stays until it is joined", async () => {
  const chat = openChat();
  chat.enter("elsewhere");
  let outcome;
  const joining = () => new Promise((resolve, reject) => (outcome = { resolve, reject }));
  const composer = mountComposer(chat, new Drafts(NO_STORE), joining);
  composer.render();
  const field = byId("composer-text");
  field.value = "kept";
  field.fire("keydown", { key: "Enter" });
  outcome.reject(new Error("the node is away"));
  await turn();
  assert.deepEqual([field.value, byId("composer-note").textContent], ["kept", "the node is away"]);
  field.fire("keydown", { key: "Enter" });
  outcome.resolve();
  await turn();
  assert.equal(field.value, "");
});

view("the composer says how many bytes are left, and offers to join where the room is not joined", () => {
  const chat = openChat();
  const { composer, sent, write, enter } = openComposer(chat);
  const said = () => byId("composer-note").textContent;
  write("short");
  assert.equal(said(), "");
  write("é".repeat(16_000));
  assert.equal(said(), `${number(768)} bytes left`);
  write("é".repeat(16_385));
  assert.equal(said(), "2 bytes too long");
  enter();
  assert.deepEqual(sent, []);
  chat.enter("elsewhere");
  composer.render();
  assert.deepEqual([byId("composer").hidden, byId("join-bar").hidden], [false, false]);
  assert.equal(byId("send").getAttribute("aria-label"), "Join and send");
  byId("skip").click();
  assert.equal(document.activeElement, byId("composer-text"));
});

view("a form says what it does, what came of it, and keeps what failed", async () => {
  const [form, result, field] = [byId("dial-form"), byId("dial-result"), byId("dial-address")];
  let outcome;
  bindForm(form, result, {
    busy: "Busy…",
    run: () => new Promise((resolve, reject) => (outcome = { resolve, reject })),
    done: (answer) => `Got ${answer}.`,
  });
  const submit = (value) => {
    field.value = value;
    return form.fire("submit");
  };
  assert.equal(submit("  ").defaultPrevented, true);
  assert.equal(outcome, undefined);
  submit(" a ");
  assert.deepEqual([result.textContent, form.getAttribute("aria-busy")], ["Busy…", "true"]);
  const first = outcome;
  submit("b");
  assert.equal(outcome, first, "one at a time");
  outcome.resolve(7);
  await turn();
  assert.deepEqual([result.textContent, result.dataset.state, field.value], ["Got 7.", "done", ""]);
  submit("c");
  outcome.reject(new Error("no such address"));
  await turn();
  assert.deepEqual([result.textContent, result.dataset.state, field.value], ["No such address.", "failed", "c"]);
});

view("a button says why what it does failed", async () => {
  const [button, result] = [byId("leave-room"), byId("join-result")];
  let isBroken = true;
  bindButton(button, result, async () => {
    if (isBroken) throw new Error("the node is away");
  });
  button.click();
  await turn();
  assert.equal(result.textContent, "The node is away.");
  isBroken = false;
  button.click();
  await turn();
  assert.equal(result.textContent, "");
});

view("a dial tells who was reached and how", async () => {
  const peer = { peer_id: ANN, connection: { kind: "relayed", transport: "tcp", round_trip_ms: 0.4 } };
  mountDial(openChat(), async () => ({ peer }));
  byId("dial-address").value = "/ip4/192.0.2.1";
  byId("dial-form").fire("submit");
  await turn();
  assert.equal(byId("dial-result").textContent, `Connected to ${ANN.slice(-8)} over the relay.`);
});

view("an invite to the room is shown as a line, a link and a code", async () => {
  const chat = openChat();
  const render = mountInvite(chat, async (room) => ({ invite: `wsp:${room}` }));
  render();
  assert.equal(byId("invite").hidden, false);
  byId("invite").click();
  await turn();
  assert.equal(byId("invite-line").textContent, `wsp:${chat.activeRoom}`);
  assert.match(byId("invite-dialog").dataset.link, /#invite=wsp:/);
  assert.equal(byId("invite-qr").children.length, 1);
  chat.enter("elsewhere");
  render();
  assert.equal(byId("invite").hidden, true);
});

view("an invite that cannot be made says why", async () => {
  mountInvite(openChat(), () => Promise.reject(new Error("the node is stopping")))();
  byId("invite").click();
  await turn();
  assert.deepEqual([byId("invite-result").textContent, byId("invite-result").dataset.state], ["the node is stopping", "failed"]);
});

view("an invite that the page was opened with is asked about, and accepted or forgotten", async () => {
  const dialog = byId("invited-dialog");
  const isOpen = () => dialog.getAttribute("open") !== null;
  dialog.close = () => {
    dialog.removeAttribute("open");
    dialog.fire("close");
  };
  const chat = openChat();
  const declined = [];
  const answer = { room: { name: "garden" }, peer: { peer_id: ANN, connection: { kind: "direct" } }, failure: "" };
  const meetings = { invite: null, accept: async () => answer, decline: () => declined.push(meetings.invite) };
  const render = mountInvited(chat, meetings);
  render();
  assert.ok(!isOpen());
  meetings.invite = "wsp:CgZnYXJkZW4";
  render();
  assert.ok(isOpen());
  assert.equal(byId("invited-room").textContent, "garden");
  byId("invited-decline").click();
  assert.deepEqual(declined, ["wsp:CgZnYXJkZW4"]);
  meetings.invite = "wsp:CgZHYXJkZW4";
  render();
  byId("invited-accept").click();
  await turn();
  assert.equal(byId("invited-result").textContent, `You are in garden. Connected directly to ${ANN.slice(-8)}.`);
  byId("invited-decline").click();
  assert.equal(declined.length, 1);
});

view("how the node is connected is drawn and said", () => {
  const chat = openChat();
  chat.node.reachability = "private";
  chat.node.reach = { relays: [{ relay_id: ANN, max_circuit_bytes: 0 }] };
  mountReach(chat)();
  assert.match(byId("reach-verdict").textContent, /^A router keeps others/);
  assert.deepEqual(textsOf(byId("reach-lines")), [`Others reach this node over the relay ${ANN.slice(-8)}.`]);
  const [drawing] = byId("reach-drawing").children;
  assert.match(drawing.textContent, /you.*router.*relay/);
  assert.equal(byId("reach-details").hidden, false);
});

view("banners say what is due, and do what their button says", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 10_000 });
  const chat = openChat();
  const asked = [];
  const action = (name) => (kind) => asked.push([name, kind]);
  const render = mountBanners(chat, { retry: action("retry"), reload: action("reload"), dismiss: action("dismiss") });
  const banners = byId("banners");
  render();
  assert.deepEqual(textsOf(banners), []);
  chat.receive({ type: "gap", cursor: "c", reason: "not_stored", missing: 1 });
  chat.failure = "oops";
  chat.changeLink("waiting", 12_000, 1_000);
  render();
  assert.deepEqual(banners.children.map((one) => one.dataset.kind), ["failure", "gateway-unreachable", "gap"]);
  assert.match(textsOf(banners)[2], /^1 message is missing here. The node could not store them/);
  for (const one of banners.children) one.querySelector("button").click();
  assert.deepEqual(asked, [["reload", "failure"], ["retry", "gateway-unreachable"], ["dismiss", "gap"]]);
  context.mock.timers.tick(1_000);
  assert.match(textsOf(banners)[1], /again in 1 s/, "the seconds are counted down");
});

view("the header names the room, who is there, and what is unread", () => {
  const chat = openChat();
  const left = [];
  const render = mountHeader(chat, { leave: (room) => left.push(room) });
  render();
  assert.equal(byId("room-title").textContent, ROOM);
  assert.equal(byId("room-subtitle").textContent, "You and 1 other");
  chat.receive(messageFrame(1, { room: "other" }));
  render();
  assert.equal(document.title, `(1) ${ROOM} · wsp`);
  assert.equal(byId("room-menu-button").hidden, false);
  byId("leave-room").click();
  assert.deepEqual(left, [ROOM]);
  chat.changeLink("waiting", 0, 0);
  render();
  assert.equal(byId("room-subtitle").textContent, "Away");
  assert.equal(byId("room-menu-button").hidden, true);
  chat.node = null;
  render();
  assert.equal(byId("room-subtitle").textContent, "Connecting…");
});

view("conversations are listed with their last line and what is unread, entered and joined", async () => {
  const chat = openChat();
  const asked = [];
  const promise = (name) => async (room) => asked.push([name, room]);
  const render = mountRooms(chat, avatarsOf(chat), {
    enter: (room) => asked.push(["enter", room]),
    join: promise("join"),
    joined: () => asked.push(["joined"]),
    draftIn: () => "",
  });
  for (let number = 1; number <= 120; number += 1) chat.receive(messageFrame(number, { room: "other" }));
  render();
  const [first, second] = byId("rooms").querySelectorAll("button");
  assert.equal(second.getAttribute("aria-current"), "true");
  assert.equal(first.querySelector(".unread").textContent, "99+");
  assert.equal(first.querySelector(".unread").getAttribute("aria-label"), "120 unread");
  assert.equal(first.querySelector(".room-line").textContent, `${ANN.slice(-8)}: text 120`);
  assert.equal(second.querySelector(".room-line").textContent, "Nothing here yet");
  first.click();
  byId("join-here").click();
  byId("join-room").value = "boats";
  byId("join-form").fire("submit");
  await turn();
  assert.deepEqual(asked, [["enter", "other"], ["join", ROOM], ["join", "boats"], ["joined"]]);
  chat.enter("elsewhere");
  render();
  assert.equal(byId("rooms").children.length, 3, "the room shown is listed though it is not joined");
});

view("peers are listed by whether they are in the room, the node itself first", () => {
  const chat = openChat();
  const shown = [];
  const render = mountPeers(chat, avatarsOf(chat), (peerId) => shown.push(peerId));
  render();
  assert.deepEqual(byId("peers-here").querySelectorAll(".peer-name").map((one) => one.textContent), [
    `${ME.slice(-8)} (you)`,
    ANN.slice(-8),
  ]);
  assert.equal(byId("peers-elsewhere-section").hidden, true);
  chat.receive({ type: "peer_left", cursor: "c", peer_id: ANN, room: ROOM });
  render();
  assert.equal(byId("peers-here").children.length, 1);
  assert.equal(byId("peers-elsewhere").children.length, 1);
  assert.equal(byId("peers-elsewhere-section").hidden, false);
  byId("peers-elsewhere").querySelector("button").click();
  assert.deepEqual(shown, [ANN]);
});

view("while the node is away people stay listed, as how it was then", () => {
  const chat = openChat();
  const render = mountPeers(chat, avatarsOf(chat), () => undefined);
  render();
  assert.equal(byId("peers-old").hidden, true);
  chat.receive({ type: "node_state", state: "away" });
  render();
  assert.match(byId("peers-old").textContent, /^The node is away. This is how it was at /);
  assert.equal(byId("peers").dataset.state, "old");
  assert.equal(byId("peers-here").children.length, 2);
  chat.receive({ type: "node_state", state: "ready" });
  render();
  assert.deepEqual([byId("peers-old").hidden, byId("peers").dataset.state], [true, "current"]);
});

view("a person's card says who it is and how they are connected", () => {
  const chat = openChat();
  const { show, render } = mountPerson(chat, avatarsOf(chat), {});
  show(ANN);
  assert.equal(byId("person-card").querySelector(".peer-id").textContent, ANN);
  assert.notEqual(byId("person-dialog").getAttribute("open"), null);
  chat.peers.measure([{ peer_id: ANN, connection: { kind: "direct", transport: "quic", round_trip_ms: 4 } }]);
  render();
  assert.match(byId("person-facts").textContent, /ConnectionDirectTransportquicRound trip4 ms.*Rooms you sharechat-room/);
  chat.receive({ type: "peer_disconnected", cursor: "c", peer_id: ANN });
  render();
  assert.match(byId("person-facts").textContent, /Not connected now/);
  show(ME);
  assert.notEqual(byId("me-dialog").getAttribute("open"), null);
});

view("a menu is gone through with the arrow keys and closed with Escape", () => {
  const [button, menu] = [byId("room-menu-button"), byId("room-menu")];
  const second = el("button", { role: "menuitem" });
  menu.append(second);
  bindMenu(button, menu);
  button.click();
  assert.deepEqual([menu.hidden, document.activeElement], [false, byId("leave-room")]);
  const press = (key) => menu.fire("keydown", { key, stopPropagation: () => undefined });
  press("ArrowDown");
  assert.equal(document.activeElement, second);
  press("ArrowDown");
  assert.equal(document.activeElement, byId("leave-room"));
  press("Escape");
  assert.deepEqual([menu.hidden, document.activeElement, button.getAttribute("aria-expanded")], [true, button, "false"]);
});

view("dialogs are opened and closed by their buttons, also where a browser has none", () => {
  mountDialogs();
  const dialog = byId("add-dialog");
  byId("open-add").click();
  assert.notEqual(dialog.getAttribute("open"), null);
  dialog.querySelector("[data-close-dialog]").click();
  assert.equal(dialog.getAttribute("open"), null);
});

view("a word about what was done goes after a while, and undoes it when asked", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const undone = [];
  showToast("You left.", { label: "Undo", run: () => undone.push(1) });
  const [toast] = byId("toasts").children;
  toast.fire("focusin");
  context.mock.timers.tick(60_000);
  assert.equal(byId("toasts").children.length, 1, "who is in it has time");
  toast.querySelector("button").click();
  assert.deepEqual([undone, byId("toasts").children.length], [[1], 0]);
  showToast("Done.");
  context.mock.timers.tick(60_000);
  assert.equal(byId("toasts").children.length, 0);
});

view("what is typed goes to the message box of each room that is shown, except on touch screens", () => {
  const chat = openChat();
  window.matchMedia = () => ({ matches: false });
  const render = mountFocus(chat);
  render();
  assert.equal(document.activeElement, byId("composer-text"));
  byId("open-add").focus();
  render();
  assert.equal(document.activeElement, byId("open-add"), "the same room takes it from nobody");
  chat.enter("other");
  window.matchMedia = () => ({ matches: true });
  render();
  assert.equal(document.activeElement, byId("open-add"));
});

view("the node's addresses are listed, one is scanned, and that is one others can use", () => {
  const places = ["/ip4/127.0.0.1/tcp/1", "/ip4/192.0.2.1/tcp/1", "/ip6/::1/tcp/1", "/ip4/192.0.2.2/tcp/1", "/ip4/0.0.0.0/tcp/1"];
  const node = { ...snapshotFrame().node, addresses: places.map((place) => `${place}/p2p/${ME}`) };
  const render = mountAddresses(openChat({ node }));
  render();
  const scanned = () => byId("qr").querySelector("svg").getAttribute("aria-label");
  assert.equal(scanned(), `QR code of ${node.addresses[1]}`);
  assert.equal(byId("addresses").children.length, 2, "nobody else can use the others");
  const scan = byId("addresses").children[1].querySelector("button");
  scan.click();
  assert.equal(scanned(), `QR code of ${node.addresses[3]}`);
  assert.equal(scan.getAttribute("aria-pressed"), "true");
});

view("a text is copied by the clipboard, or by a selection where there is none", async (context) => {
  const copied = [];
  define(context, { navigator: { clipboard: { writeText: async (text) => copied.push(text) } } });
  assert.equal(await copyText("by the clipboard"), true);
  define(context, { navigator: {} });
  document.execCommand = () => copied.push(document.body.querySelectorAll("textarea").pop().value) > 0;
  byId("join-room").focus();
  assert.equal(await copyText("by a selection"), true);
  assert.deepEqual(copied, ["by the clipboard", "by a selection"]);
  assert.equal(document.activeElement, byId("join-room"));
  document.execCommand = () => false;
  assert.equal(await copyText("not at all"), false);
});

view("drawers open one at a time, hold the rest still and give the focus back", () => {
  const close = mountDrawers();
  const opener = byId("frame").querySelector("[data-open-panel=rooms-panel]");
  opener.click();
  const panel = byId("rooms-panel");
  assert.deepEqual([panel.getAttribute("role"), panel.getAttribute("aria-modal")], ["dialog", "true"]);
  assert.deepEqual([panel.inert, byId("main").inert, opener.getAttribute("aria-expanded")], [false, true, "true"]);
  document.fire("keydown", { key: "Escape" });
  assert.deepEqual([panel.getAttribute("role"), panel.getAttribute("aria-modal")], ["complementary", null]);
  assert.deepEqual([byId("main").inert, document.activeElement], [false, opener]);
  close();
});

view("the token is asked for only where it is wanted", () => {
  const chat = openChat();
  const entered = [];
  const render = mountToken(chat, (value) => entered.push(value));
  render();
  assert.equal(byId("token-form").hidden, true);
  chat.changeLink("waiting", 0, 0);
  chat.link.turnAway({ isReached: true, refusal: { reason: "TOKEN_REQUIRED", message: "" } });
  render();
  assert.equal(byId("token-form").hidden, false);
  for (const value of [" ", " secret "]) {
    byId("token").value = value;
    byId("token-form").fire("submit");
  }
  assert.deepEqual(entered, ["secret"]);
});

view("a peer looks like itself, and a node names itself once", () => {
  const chat = openChat();
  const render = mountMe(chat, avatarsOf(chat));
  render();
  const [picture] = byId("me").children;
  assert.match(byId("me-card").textContent, new RegExp(ME));
  render();
  assert.equal(byId("me").children[0], picture);
  assert.match(byId("me").textContent, new RegExp(ME.slice(-8)));
  assert.equal(picture.style["--hue"], identicon(ME).style["--hue"]);
  chat.people.learn([{ peer_id: ME, name: "Max", petname: "", lookalike_ids: [] }]);
  render();
  assert.match(byId("me").textContent, /^Max/);
});

view("an address is drawn as a code of square modules", () => {
  const code = qrCode("/ip4/192.0.2.1/tcp/4001");
  const [, size] = /^0 0 (\d+) \1$/.exec(code.getAttribute("viewBox"));
  assert.ok(size > 21);
  assert.match(code.querySelector("path").getAttribute("d"), /^(M\d+ \d+h1v1h-1z)+$/);
});

const laid = (message, changes) => ({
  message: { key: "k", room: ROOM, author: ANN, time: "2026-11-23T10:00:00Z", received: 0, state: "sent", text: "hello", ...message },
  ...{ isNewestOwn: false, isOwn: false, isWaiting: false, others: [], newCount: 0, startsDay: false, startsGroup: true, isLate: false, lateCount: 0 },
  ...changes,
});

view("a message's row has author, text and time, and a day where one begins", () => {
  const first = laid({}, { startsDay: true });
  const chat = openChat();
  const row = messageRow(first, { chat, avatars: avatarsOf(chat), actions: {} });
  row.update(first);
  const { element } = row;
  assert.equal(element.querySelector(".author").title, ANN);
  assert.equal(element.querySelector(".text").textContent, "hello");
  assert.equal(element.querySelector("time").dateTime, "2026-11-23T10:00:00.000Z");
  assert.ok(element.querySelector(".day"));
  assert.equal(element.querySelector(".late").hidden, true);
  const received = Date.parse("2026-11-23T11:00:00Z");
  row.update(laid({ received }, { isLate: true, lateCount: 3 }));
  assert.match(element.querySelector(".late").textContent, /^3 messages arrived late, /);
  assert.equal(element.querySelector(".day"), null);
});

view("a message of one's own says how far it is, and what to do where it failed", () => {
  const asked = [];
  const state = messageState("id", { retry: (id) => asked.push(["retry", id]), remove: (id) => asked.push(["remove", id]), joinAndRetry: (id) => asked.push(["join", id]) });
  const markOf = (message, changes = {}) => {
    state.update(laid(message, { isOwn: true, ...changes }));
    return state.mark.textContent;
  };
  assert.equal(markOf({ state: "sending" }), "Sending");
  assert.equal(markOf({ state: "sending" }, { isWaiting: true }), "Waiting");
  assert.equal(markOf({ recipients: 0 }, {}), "Sent, nobody here yet");
  assert.equal(markOf({ recipients: 0 }, { others: [ANN] }), "Sent");
  const delivery = { handedTo: [ANN], heldBy: [ANN] };
  assert.equal(markOf({ delivery }, { others: [ANN] }), "Held by all");
  assert.equal(markOf({ delivery }, { others: [ANN, ME] }), "Held by 1 of 2");
  assert.equal(state.mark.dataset.word, "Sent");
  assert.equal(markOf({ room: keyOfPeer(ANN) }), "Sent, waits until they are back");
  assert.equal(markOf({ room: keyOfPeer(ANN), delivery }), "Delivered");
  markOf({});
  assert.equal(state.mark.dataset.isNews, "false", "that it is sent is news of the newest only");
  markOf({}, { isNewestOwn: true });
  assert.equal(state.mark.dataset.isNews, "true");
  assert.equal(markOf({}, { isOwn: false }), "");
  assert.equal(state.actions.hidden, true);
  assert.equal(markOf({ state: "failed", failure: "why" }), "Not sent");
  assert.equal(state.actions.hidden, false);
  for (const button of state.actions.querySelectorAll("button")) button.click();
  markOf({ state: "failed", failure: "why", failureReason: "ROOM_NOT_JOINED" });
  const [join] = state.actions.querySelectorAll("button");
  assert.equal(join.textContent, "Join and send");
  join.click();
  assert.deepEqual(asked, [["retry", "id"], ["remove", "id"], ["join", "id"]]);
});

view("a long text is folded, opened and folded again; its links are links", () => {
  const whole = `https://a.example/b ${"x\n".repeat(FOLD_LINES + 5)}`;
  const block = messageText({ text: whole });
  const shown = () => block.querySelector(".text").textContent;
  assert.ok(shown().endsWith("…") && whole.startsWith(shown().slice(0, -1)));
  assert.equal(block.querySelector("a").getAttribute("href"), "https://a.example/b");
  const button = block.querySelector("button");
  button.click();
  assert.equal(shown(), whole);
  button.click();
  assert.ok(shown().endsWith("…"));
  assert.equal(messageText({ text: null, byteCount: 3 }).textContent, "Not text: 3 bytes");
  assert.equal(messageText({ text: "short" }).textContent, "short");
});

view("a link that the fold cuts is no link, and no character is cut in half", () => {
  const text = `${"x".repeat(990)}https://a.example/long/path ${"y".repeat(100)}`;
  assert.equal(messageText({ text }).querySelector("a"), null);
  const pairs = messageText({ text: `x${"\u{1F600}".repeat(600)}` });
  assert.equal(pairs.querySelector(".text").textContent, `x${"\u{1F600}".repeat(499)}…`);
});

test("what stands above the first message says what the log has before it", () => {
  const note = (older, changes, around) => startNote({ room: ROOM, older, messages: [1], pending: new Map(), ...changes }, { isReady: true, isJoined: true, ...around });
  assert.match(note({ state: "loading" }), /^Bringing/);
  assert.equal(note({ state: "more" }), "");
  assert.match(note({ state: "nothing", expired: true }), /no longer kept/);
  assert.match(note({ state: "nothing" }), /^This is the beginning of chat-room/);
  assert.match(note({ state: "nothing" }, { messages: [] }), /^Nothing was said/);
  assert.match(note({ state: "unknown" }, { messages: [] }, { isReady: false }), /^The node is away/);
  assert.match(note({ state: "nothing" }, { messages: [] }, { isJoined: false }), /^You are not in this room/);
});

test("times and amounts are said as people read them", () => {
  const day = (number) => new Date(2026, 10, number, 12);
  assert.equal(dayName(day(23), day(23)), "Today");
  assert.equal(dayName(day(22), day(23)), "Yesterday");
  assert.match(dayName(day(1), day(23)), /November|1/);
  assert.equal(arrivalTime(day(23), day(23)).includes(":"), true);
  assert.ok(arrivalTime(day(23), day(20)).length > arrivalTime(day(23), day(23)).length);
  assert.match(listTime(day(23), day(23)), /12/);
  assert.match(listTime(day(20), day(23)), /^Fri/);
  assert.match(listTime(day(1), day(23)), /Nov/);
  assert.match(listTime(new Date(2025, 1, 3), day(23)), /2025/);
  assert.deepEqual([count(1, "other"), count(2, "other")], ["1 other", "2 others"]);
  assert.deepEqual([milliseconds(0.2), milliseconds(3.6)], ["<1 ms", "4 ms"]);
});

view("a place in the conversation knows its ends and keeps what is read where it is", () => {
  const log = byId("log");
  Object.assign(log, { scrollHeight: 2_000, clientHeight: 500, scrollTop: 1_450 });
  const place = new Place(log);
  assert.deepEqual([place.isAtEnd, place.isNearEnd, place.isNearStart], [true, true, false]);
  log.scrollTop = 100;
  assert.deepEqual([place.isAtEnd, place.isNearEnd, place.isNearStart], [false, false, true]);
  const rows = [0, 1, 2].map((index) => Object.assign(el("li"), { offsetTop: index * 80, offsetHeight: 80 }));
  assert.equal(place.firstVisible(rows), 1);
  let top = 30;
  rows[1].getBoundingClientRect = () => ({ top });
  byId("messages").append(...rows);
  place.keepDuring(byId("messages").children, () => (top = 75));
  assert.equal(log.scrollTop, 145);
  place.goToEnd();
  assert.equal(log.scrollTop, 2_000);
});

view("a change of size is heard, with an observer or without", (context) => {
  let count = 0;
  define(context, { ResizeObserver: undefined });
  whenResized(byId("log"), () => (count += 1));
  window.fire("resize");
  define(context, { ResizeObserver: class { constructor(run) { this.run = run; } observe() { this.run(); } } });
  whenResized(byId("log"), () => (count += 1));
  assert.equal(count, 2);
});

view("the room is in the page's address, and an address that cannot be read names none", (context) => {
  const shown = [];
  const write = (way) => (_, __, hash) => shown.push((location.hash = hash)) && ways.push(way);
  const ways = [];
  define(context, { location: { hash: "" }, history: { replaceState: write("replace"), pushState: write("push") } });
  assert.equal(route.room, null);
  route.begin(ROOM);
  assert.equal(route.room, ROOM);
  route.begin("not again");
  location.hash = "";
  route.show("boats & cafés");
  assert.equal(route.room, "boats & cafés");
  route.show("boats & cafés");
  route.show("other");
  assert.deepEqual(ways, ["replace", "replace", "push"], "Back leads to the room before");
  location.hash = "#room=%E0%A4%A";
  assert.equal(route.room, null);
  let changes = 0;
  route.watch(() => (changes += 1));
  window.fire("popstate");
  assert.equal(changes, 1);
});

function openConversation(context, chat) {
  define(context, { ResizeObserver: undefined });
  const asked = [];
  const shown = new ConversationView(chat, avatarsOf(chat), { retry: () => 0, remove: () => 0, loadOlder: () => asked.push("older"), moved: () => 0 });
  const log = byId("log");
  Object.assign(log, { scrollHeight: 5_000, clientHeight: 500 });
  const scrollTo = (top) => {
    log.scrollTop = top;
    log.fire("scroll");
  };
  return { shown, asked, log, scrollTo, texts: () => byId("messages").querySelectorAll(".text").map((one) => one.textContent) };
}

view("the conversation follows the newest message until somebody reads above it", (context) => {
  const chat = openChat();
  const { shown, log, scrollTo, texts } = openConversation(context, chat);
  chat.receive(messageFrame(1));
  shown.render();
  assert.deepEqual([texts(), log.scrollTop, byId("new-messages").hidden], [["text 1"], 5_000, true]);
  scrollTo(2_000);
  assert.equal(chat.active.isHeld, true);
  chat.receive(messageFrame(2));
  shown.render();
  assert.match(byId("new-messages-label").textContent, /^1 new message,/);
  assert.deepEqual([byId("new-messages-count").textContent, byId("new-messages-count").hidden], ["1", false]);
  assert.equal(log.scrollTop, 2_000);
  byId("new-messages").click();
  assert.deepEqual([texts(), log.scrollTop, byId("new-messages").hidden], [["text 1", "text 2"], 5_000, true]);
});

view("the conversation shows another room from its end, and asks for what is older at its beginning", (context) => {
  const chat = openChat();
  const { shown, asked, scrollTo, texts } = openConversation(context, chat);
  chat.receive(messageFrame(1));
  chat.receive(messageFrame(2, { room: "other" }));
  shown.render();
  chat.enter("other");
  shown.render();
  assert.deepEqual(texts(), ["text 2"]);
  assert.equal(chat.conversation(ROOM).isHeld, false);
  chat.active.older = { state: "more", cursor: "c", expired: false };
  scrollTo(2_000);
  assert.deepEqual(asked, []);
  scrollTo(10);
  assert.ok(asked.length > 0);
});
