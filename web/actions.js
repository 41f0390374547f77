/** What people and the gateway do to the page, each as one step. */
import { loadOlder } from "./history.js";
import { newClientId } from "./model/messages.js";
import { roomFromHash, showRoomInAddress } from "./route.js";

export class Actions {
  /** @param parts `chat`, `outbox`, `link`, `courier`, and `touch(topics)` to draw */
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** Show what an earlier page left unsent, and open the link. */
  begin() {
    for (const entry of this.outbox.entries) this.chat.propose(entry);
    this.#turnTo(roomFromHash() ?? this.chat.activeRoom);
    window.addEventListener("hashchange", () => this.#turnTo(roomFromHash() ?? this.chat.activeRoom));
    window.addEventListener("online", () => this.link.open());
    this.link.open();
  }

  receive(frame) {
    this.touch(this.chat.receive(frame));
    if (frame.type === "gap") this.chat.forgetHistory();
    if (["snapshot", "node_state", "gap"].includes(frame.type)) this.#goOn();
  }

  linkChanged(state, retryTime) {
    this.chat.linkChanged(state, retryTime, Date.now());
    this.touch(["link"]);
  }

  send(text) {
    const entry = { id: newClientId(), room: this.chat.activeRoom, text, time: new Date().toISOString() };
    this.touch(this.chat.propose(entry));
    this.courier.post(entry);
    return entry.id;
  }

  kept({ id, room }, { message_id: messageId, cursor, recipients }) {
    this.chat.conversation(room).confirm(id, { messageId, cursor, recipients });
    this.touch(["messages"]);
  }

  refused({ id, room }, error) {
    this.chat.conversation(room).mark(id, { state: "failed", failure: error.message });
    this.touch(["messages"]);
  }

  retry(id) {
    this.chat.active.mark(id, { state: "sending", failure: "" });
    this.touch(["messages"]);
    this.courier.retry(id);
  }

  remove(id) {
    this.outbox.remove(id);
    this.chat.active.withdraw(id);
    this.touch(["messages"]);
  }

  enter(room) {
    showRoomInAddress(room);
    this.#turnTo(room);
  }

  async join(room) {
    const answer = await this.link.request({ type: "join", room });
    this.enter(answer.room?.name ?? room);
  }

  async leave(room) {
    await this.link.request({ type: "leave", room });
    const next = this.chat.rooms.find((other) => other !== room);
    if (next) this.enter(next);
  }

  dial(address) {
    return this.link.request({ type: "connect", address });
  }

  dismissGap() {
    this.chat.gap = null;
    this.touch(["link"]);
  }

  loadOlder(room) {
    return loadOlder(this, room);
  }

  #turnTo(room) {
    this.touch(this.chat.enter(room));
    this.#goOn();
  }

  /** Do what waited for the node: send, and bring the room's history. */
  #goOn() {
    if (!this.chat.isReady) return;
    this.courier.pump();
    if (this.chat.active.older.state === "unknown") this.loadOlder(this.chat.activeRoom);
  }
}
