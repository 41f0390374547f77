/** Builds the page: the model, the link to the gateway, and the views on both. */
import { Actions } from "./actions/actions.js";
import { Blocking } from "./actions/blocking.js";
import { Deliveries } from "./actions/deliveries.js";
import { Membership } from "./actions/membership.js";
import { Meetings } from "./actions/meetings.js";
import { Profiles } from "./actions/people.js";
import { Outgoing } from "./actions/outgoing.js";
import { Reading } from "./actions/reading.js";
import { Chat } from "./model/chat.js";
import { Drafts } from "./model/drafts.js";
import { Outbox } from "./model/outbox.js";
import { Source } from "./socket/source.js";
import { DraftStore } from "./storage/draft-store.js";
import { OutboxStore } from "./storage/outbox-store.js";
import { openStorage } from "./storage/page-storage.js";
import { PreferenceStore } from "./storage/preference-store.js";
import { Token } from "./storage/token.js";
import { watchFailures } from "./views/failures.js";
import { mountInputMethod } from "./views/input-method.js";
import { keepShell } from "./views/installing.js";
import { askBeforeLeaving } from "./views/leaving.js";
import { mountPage } from "./views/page.js";
import { route } from "./views/route.js";
import { Screen } from "./views/screen.js";

const screen = new Screen();
const touch = (topics) => screen.touch(topics);
const storage = openStorage();
const token = new Token(storage);
const preferences = new PreferenceStore(storage);
const draftStore = new DraftStore(openStorage("sessionStorage"), storage);
export const drafts = new Drafts(draftStore);
export const chat = new Chat();
const store = new OutboxStore(storage);
export const outbox = new Outbox(store);
const source = new Source(token, {
  hello: () => ({ type: "hello", after: chat.cursor, rooms: [] }),
  isReady: () => chat.isReady,
  receive: (frame) => {
    actions.receive(frame);
    announce(frame);
  },
  change: (state, retryTime) => actions.linkChanged(state, retryTime),
  turnedAway: (admission) => actions.turnedAway(admission),
  measured: (peers) => actions.measured(peers),
});
export { source as link };
export const outgoing = new Outgoing({ chat, outbox, source, touch });
const draw = () => screen.draw();
const profiles = new Profiles({ chat, source, touch });
const reading = new Reading({ chat, source, touch });
const blocking = new Blocking({ chat, source, touch, resume: () => actions.resume() });
const deliveries = new Deliveries({ chat, source, touch });
const actions = new Actions({ chat, source, outgoing, learning: [profiles, reading, blocking], token, route, touch, draw });
const enter = (room) => actions.enter(room);
const meetings = new Meetings({ source, route, enter });
const membership = new Membership({ chat, source, outgoing, enter });
watchFailures((error) => actions.failed(error));

mountInputMethod();
const announce = mountPage({ chat, screen, actions, outgoing, drafts, meetings, membership, profiles, reading, blocking, deliveries, preferences, source, touch });

store.watch((id) => outgoing.droppedElsewhere(id));
draftStore.watch((room, draft) => {
  drafts.droppedElsewhere(room, draft);
  touch(["drafts"]);
});
askBeforeLeaving(() => outbox.isSafe && drafts.isSafe);
outgoing.start();
actions.start();
document.documentElement.dataset.started = "";
keepShell();
