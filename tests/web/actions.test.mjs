/** What people and events do, through the port of a source that answers as the test says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Actions } from "../../web/actions/actions.js";
import { Membership } from "../../web/actions/membership.js";
import { Meetings } from "../../web/actions/meetings.js";
import { Profiles } from "../../web/actions/people.js";
import { Reading } from "../../web/actions/reading.js";
import { loadOlder } from "../../web/actions/older-messages.js";
import { Outgoing } from "../../web/actions/outgoing.js";
import { Chat } from "../../web/model/chat.js";
import { HISTORY_PAGE, READ_PAUSE_MS, LOOK_FOR_UNSENT_MS, REFUSED_PAUSE_MS } from "../../web/model/limits.js";
import { Outbox } from "../../web/model/outbox.js";
import { RequestError } from "../../web/socket/requests.js";
import { ANN, ME, ROOM, messageFrame, snapshotFrame } from "./frames.mjs";
import { turn } from "./sockets.mjs";

/** Takes requests; the test settles them in their order. */
class FakeSource {
  requests = [];
  opened = 0;

  start() {
    this.open();
  }

  open() {
    this.opened += 1;
  }

  request(frame) {
    return new Promise((resolve, reject) => this.requests.push({ frame, resolve, reject }));
  }

  of(type) {
    return this.requests.filter(({ frame }) => frame.type === type);
  }
}

function openPage(context, { stored = [] } = {}) {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const chat = new Chat();
  const source = new FakeSource();
  const kept = new Map(stored.map((entry) => [entry.id, entry]));
  const store = { load: () => [...kept.values()], save: (entry) => Boolean(kept.set(entry.id, entry)), drop: (id) => kept.delete(id) };
  const outbox = new Outbox(store);
  const touched = [];
  const touch = (topics) => touched.push(...topics);
  const outgoing = new Outgoing({ chat, outbox, source, touch });
  const route = { room: null, begin: () => undefined, shown: [], show: (room) => route.shown.push(room), watch: (changed) => (route.changed = changed) };
  const token = { keep: (value) => (token.value = value) };
  const profiles = new Profiles({ chat, source, touch });
  const reading = new Reading({ chat, source, touch });
  const actions = new Actions({ chat, source, outgoing, learning: [profiles, reading], token, route, touch, draw: () => touched.push("drawn") });
  const membership = new Membership({ chat, source, outgoing, enter: (room) => actions.enter(room) });
  outgoing.start();
  actions.start();
  const connect = () => {
    actions.linkChanged("open", 0);
    actions.receive(snapshotFrame());
  };
  return { actions, reading, membership, chat, source, outgoing, outbox, kept, touched, route, token, connect };
}

const ENTRY = { id: "old", room: "other", text: "left behind", time: "2026-11-23T09:00:00Z", position: 1 };
const answer = { message_id: "m", cursor: "c", recipients: 1 };

test("the page opens the room of its address, and follows the address", (context) => {
  const { chat, route, source, touched } = openPage(context);
  assert.deepEqual([chat.activeRoom, source.opened], [ROOM, 1]);
  route.room = "boats";
  route.changed();
  assert.equal(chat.activeRoom, "boats");
  assert.equal(touched[touched.length - 1], "drawn", "another room is shown at once");
});

test("a room is joined under the name that the node gives it, and shown", async (context) => {
  const { membership, chat, source, route } = openPage(context);
  const joining = membership.join("boats");
  source.of("join")[0].resolve({ room: { name: "boats" } });
  await joining;
  assert.deepEqual([chat.activeRoom, route.shown], ["boats", ["boats"]]);
  await assert.rejects(membership.join("a\u0007b"), /control character/);
  assert.equal(source.of("join").length, 1, "what breaks the rule is not sent");
});

test("a room that is left gives way to another one, if there is one", async (context) => {
  const { membership, chat, source, connect } = openPage(context);
  connect();
  let leaving = membership.leave(ROOM);
  source.of("leave")[0].resolve({});
  await leaving;
  assert.equal(chat.activeRoom, "other");
  chat.receive({ type: "node_changed", cursor: "c", node: { ...chat.node, rooms: ["other"] } });
  leaving = membership.leave("other");
  source.of("leave")[1].resolve({});
  await leaving;
  assert.equal(chat.activeRoom, "other");
});

test("a text to a room that is not joined is sent once it is, and one that was refused for that as well", async (context) => {
  const { chat, membership, source, outgoing, connect } = openPage(context);
  connect();
  const joining = membership.send(["first", "second"], "boats");
  assert.equal(source.of("publish").length, 0);
  source.of("join")[0].resolve({ room: { name: "boats" } });
  await joining;
  assert.deepEqual(source.of("publish").map(({ frame }) => [frame.room, frame.text]), [["boats", "first"], ["boats", "second"]]);
  outgoing.send("refused", "left");
  const refusal = { code: "FAILED_PRECONDITION", reason: "ROOM_NOT_JOINED", message: "not joined" };
  const { frame: { id } } = source.of("publish").pop();
  source.of("publish").pop().reject(new RequestError(refusal));
  await turn();
  assert.equal(chat.conversation("left").pending.get(id).failureReason, "ROOM_NOT_JOINED");
  const retrying = membership.joinAndRetry(id);
  source.of("join")[1].resolve({ room: { name: "left" } });
  await retrying;
  assert.equal(source.of("publish").pop().frame.id, id);
});

test("names are learnt page by page after each snapshot, from a node that has them", async (context) => {
  const { actions, chat, source, connect } = openPage(context);
  connect();
  assert.equal(source.of("list_profiles").length, 0);
  const { node } = snapshotFrame();
  actions.receive(snapshotFrame({ node: { ...node, features: ["list_profiles"] } }));
  const profile = (id, name) => ({ peer_id: id, name, petname: "", lookalike_ids: [] });
  source.of("list_profiles")[0].resolve({ profiles: [profile(ANN, "Ann")], next_page_token: "more" });
  await turn();
  assert.equal(source.of("list_profiles")[1].frame.page_token, "more");
  source.of("list_profiles")[1].resolve({ profiles: [profile(ME, "Me")], next_page_token: null });
  await turn();
  assert.deepEqual([chat.nameOf(ANN), chat.nameOf(ME)], ["Ann", "Me"]);
  actions.receive({ type: "profile_changed", cursor: "p", profile: profile(ANN, "Bob"), name_seen_before: true });
  assert.equal(chat.nameOf(ANN), "Bob");
  assert.equal(chat.lookalike.peer_id, ANN, "who is called like somebody else is pointed out");
});

test("what is seen is told the node, and what it counts is shown", async (context) => {
  const { actions, chat, source, reading, connect } = openPage(context);
  connect();
  actions.receive(messageFrame(1));
  reading.seen();
  context.mock.timers.tick(READ_PAUSE_MS);
  assert.equal(source.of("set_read_marker").length, 0, "a node that does not hold it is not asked");
  const { node } = snapshotFrame();
  actions.receive(snapshotFrame({ node: { ...node, features: ["list_conversations", "set_read_marker"] } }));
  const listed = { room: "other", unread_count: 7, mention_count: 1, read_cursor: "c0", last_message: messageFrame(9, { room: "other" }) };
  source.of("list_conversations")[0].resolve({ conversations: [listed], next_page_token: null });
  await turn();
  const other = chat.conversation("other");
  assert.deepEqual([other.reading.unread, other.reading.mentions, other.last.text], [7, 1, "text 9"]);
  for (const number of [2, 3]) {
    actions.receive(messageFrame(number));
    reading.seen();
  }
  context.mock.timers.tick(READ_PAUSE_MS);
  assert.deepEqual(source.of("set_read_marker").map(({ frame }) => [frame.reader, frame.room, frame.cursor]), [["me", ROOM, "c3"]]);
  actions.receive({ type: "read_marker_changed", cursor: "r", reader: "me", room: "other", read_cursor: "c9", unread_count: 0, mention_count: 0 });
  assert.equal(other.reading.unread, 0, "another page has read it");
  actions.receive({ type: "read_marker_changed", cursor: "r", reader: "bot", room: "other", read_cursor: "c1", unread_count: 5, mention_count: 0 });
  assert.equal(other.reading.unread, 0, "what another reader does is no matter");
});

test("what is marked unread stays so while it is looked at", async (context) => {
  const { actions, chat, source, reading, connect } = openPage(context);
  connect();
  for (const number of [1, 2, 3]) actions.receive(messageFrame(number));
  chat.isWatching = true;
  reading.seen();
  const keeping = reading.keepUnread(chat.active.messages[1]);
  const { frame, resolve } = source.requests[source.requests.length - 1];
  assert.deepEqual(frame, { type: "history", room: ROOM, before: "c2", limit: 1 });
  resolve({ messages: [messageFrame(1)] });
  await turn();
  const [marking] = source.of("set_read_marker");
  assert.equal(marking.frame.cursor, "c1");
  marking.resolve({ unread_count: 2, mention_count: 0 });
  await keeping;
  reading.seen();
  context.mock.timers.tick(READ_PAUSE_MS);
  assert.equal(source.of("set_read_marker").length, 1);
  assert.deepEqual([chat.active.reading.unread, chat.active.reading.line], [2, { count: 2, before: "id000002" }]);
  chat.enter("other");
  chat.enter(ROOM);
  assert.equal(chat.active.reading.isBehind, true, "shown anew it is read");
});

test("a token that is entered is kept and tried at once", (context) => {
  const { actions, source, token } = openPage(context);
  actions.enterToken("secret");
  assert.deepEqual([token.value, source.opened], ["secret", 2]);
});

test("only a refusal of the gateway makes the page rest", (context) => {
  const { actions, chat } = openPage(context);
  assert.equal(actions.turnedAway({ isReached: true, refusal: { reason: "ORIGIN_NOT_ALLOWED", message: "" } }), true);
  assert.equal(actions.turnedAway({ isReached: false, refusal: null }), false);
  assert.equal(chat.link.refusal, null);
});

test("failures and gaps are noticed until they are dismissed", (context) => {
  const { actions, chat } = openPage(context);
  actions.failed(new Error("oops"));
  actions.failed("said plainly");
  actions.receive({ type: "gap", cursor: "c", reason: "expired", missing: 1 });
  assert.deepEqual([chat.failure, chat.gap.missing], ["said plainly", 1]);
  for (const kind of ["failure", "gap"]) actions.dismiss(kind);
  assert.deepEqual([chat.failure, chat.gap], [null, null]);
});

test("what is measured of the connections changes them alone", (context) => {
  const { actions, chat, connect } = openPage(context);
  connect();
  const [ann] = chat.peers.in(ROOM);
  actions.measured([{ peer_id: ann.peer_id, connection: { transport: "tcp" } }, { peer_id: "nobody", connection: null }]);
  assert.equal(chat.peers.in(ROOM)[0].connection.transport, "tcp");
  assert.equal(chat.peers.notIn(ROOM).length, 0);
});

test("what waits is sent once the node is there, to the room it was written in", async (context) => {
  const { outgoing, source, connect, chat, kept } = openPage(context);
  outgoing.send("half \ud83d");
  chat.enter("other");
  outgoing.send("for the other");
  assert.equal(source.of("publish").length, 0);
  connect();
  const sent = source.of("publish").map(({ frame }) => [frame.room, frame.text]);
  assert.deepEqual(sent, [[ROOM, "half \ufffd"], ["other", "for the other"]]);
  source.of("publish")[0].resolve(answer);
  await turn();
  assert.deepEqual(chat.conversation(ROOM).messages.map(({ state, author }) => [state, author]), [["sent", ME]]);
  assert.equal(kept.size, 1);
});

test("what an earlier page left is shown and sent, and what the log has of it is not", (context) => {
  const { chat, source, connect, kept, outgoing } = openPage(context, { stored: [ENTRY] });
  assert.equal(chat.conversation("other").pending.size, 1);
  connect();
  assert.equal(source.of("publish")[0].frame.client_message_id, "old");
  chat.receive(messageFrame(1, { client_message_id: "elsewhere" }));
  kept.set("elsewhere", { ...ENTRY, id: "elsewhere", room: ROOM });
  kept.set("another", { ...ENTRY, id: "another" });
  outgoing.resume();
  assert.deepEqual([kept.has("elsewhere"), source.of("publish").length], [false, 2]);
});

test("it is looked from time to time for what another tab left", (context) => {
  const { source, connect, kept } = openPage(context);
  connect();
  kept.set("old", ENTRY);
  context.mock.timers.tick(LOOK_FOR_UNSENT_MS);
  assert.equal(source.of("publish").length, 1);
});

test("a message in the log needs no answer unless it is on its way", async (context) => {
  const { actions, outgoing, outbox, connect } = openPage(context);
  outgoing.send("waiting");
  const [{ id }] = outbox.entries;
  actions.receive(messageFrame(1, { client_message_id: id }));
  assert.equal(outbox.entries.length, 0);
  connect();
  outgoing.send("on its way");
  actions.receive(messageFrame(2, { client_message_id: outbox.entries[0].id }));
  assert.equal(outbox.entries.length, 1);
});

test("a message that failed is retried and removed in its own room, whichever is shown", async (context) => {
  const { chat, source, outgoing, outbox, connect } = openPage(context);
  connect();
  outgoing.send("refused");
  const [{ id }] = outbox.entries;
  const refuse = async () => {
    source.of("publish").pop().reject(new RequestError({ code: "FAILED_PRECONDITION", message: "not joined" }));
    await turn();
  };
  await refuse();
  const message = () => chat.conversation(ROOM).pending.get(id);
  assert.deepEqual([message().state, message().failure], ["failed", "not joined"]);
  chat.enter("other");
  outgoing.retry(id);
  assert.equal(message().state, "sending");
  await refuse();
  outgoing.droppedElsewhere(id);
  assert.equal(message(), undefined);
  outgoing.droppedElsewhere(id);
  outgoing.remove("unknown");
  assert.equal(outbox.entries.length, 0);
});

test("a text whose id the node knows of another one is sent once under a new id", async (context) => {
  const { chat, source, outgoing, outbox, kept, connect } = openPage(context);
  connect();
  outgoing.send("mine");
  const refuse = async () => {
    source.of("publish").pop().reject(new RequestError({ code: "ALREADY_EXISTS", reason: "CLIENT_MESSAGE_ID_REUSED", message: "used" }));
    await turn();
  };
  const [first] = outbox.entries;
  await refuse();
  const [second] = outbox.entries;
  assert.notEqual(second.id, first.id);
  assert.deepEqual([source.of("publish").length, second.text, [...kept.keys()]], [2, "mine", [second.id]]);
  assert.deepEqual([...chat.active.pending.keys()], [second.id]);
  await refuse();
  assert.equal(chat.active.pending.get(second.id).state, "failed", "and says so rather than going on for ever");
});

test("older messages are asked for once at a time, by the cursor of the page before", async (context) => {
  const { chat, source, actions, connect } = openPage(context);
  connect();
  assert.deepEqual(source.of("history")[0].frame, { type: "history", room: ROOM, limit: HISTORY_PAGE });
  actions.loadOlder();
  assert.equal(source.of("history").length, 1);
  source.of("history")[0].resolve({ messages: [messageFrame(2)], next_cursor: "c2", gap: null });
  await turn();
  actions.loadOlder();
  assert.equal(source.of("history")[1].frame.before, "c2");
  source.of("history")[1].resolve({ messages: [messageFrame(1)], next_cursor: null, gap: { reason: "expired" } });
  await turn();
  assert.deepEqual(chat.active.messages.map(({ text }) => text), ["text 1", "text 2"]);
  assert.deepEqual([chat.active.older.state, chat.active.older.expired], ["nothing", true]);
});

test("a page that was refused for now is asked for again after a pause, a wrong one is not", async (context) => {
  const { chat, source, connect } = openPage(context);
  connect();
  source.of("history")[0].reject(new RequestError({ code: "UNAVAILABLE" }));
  await turn();
  context.mock.timers.tick(REFUSED_PAUSE_MS);
  await turn();
  assert.equal(source.of("history").length, 2);
  source.of("history")[1].reject(new RequestError({ code: "NOT_FOUND" }));
  await turn();
  context.mock.timers.tick(REFUSED_PAUSE_MS);
  await turn();
  assert.equal(source.of("history").length, 2);
  assert.equal(chat.active.older.state, "unknown");
});

test("a page that comes after a gap is not put into what is asked for anew", async (context) => {
  const { chat, source, actions, connect } = openPage(context);
  connect();
  actions.receive({ type: "gap", cursor: "c", reason: "unknown_cursor", missing: 0 });
  assert.equal(source.of("history").length, 2);
  source.of("history")[0].resolve({ messages: [messageFrame(1)], next_cursor: "old", gap: null });
  await turn();
  assert.deepEqual(chat.active.messages, []);
});

test("nothing older is asked for while the node is away", async (context) => {
  const { chat, source, connect } = openPage(context);
  connect();
  chat.receive({ type: "node_state", state: "away" });
  await loadOlder({ chat, source, touch: () => undefined }, "other");
  assert.equal(source.of("history").length, 1);
});

test("an invite that was entered is accepted, and an address dialled", async () => {
  const source = new FakeSource();
  const entered = [];
  const meetings = new Meetings({ source, route: { invite: null }, enter: (room) => entered.push(room) });
  const met = meetings.meet("https://chat.example/#invite=wsp:CgZnYXJkZW4");
  assert.deepEqual(source.requests[0].frame, { type: "accept_invite", invite: "wsp:CgZnYXJkZW4" });
  source.requests[0].resolve({ room: { name: "garden" } });
  assert.equal((await met).room.name, "garden");
  assert.deepEqual(entered, ["garden"]);
  meetings.meet("/ip4/192.0.2.1/tcp/1/p2p/x");
  assert.deepEqual(source.requests[1].frame, { type: "connect", address: "/ip4/192.0.2.1/tcp/1/p2p/x" });
  meetings.create("garden");
  assert.deepEqual(source.requests[2].frame, { type: "create_invite", room: "garden" });
});

test("an invite that was declined gives way to a room", () => {
  const entered = [];
  const route = { invite: "wsp:a" };
  const meetings = new Meetings({ source: new FakeSource(), route, enter: (room) => entered.push(room) });
  assert.equal(meetings.invite, "wsp:a");
  meetings.decline("chat-room");
  assert.deepEqual(entered, ["chat-room"]);
});
