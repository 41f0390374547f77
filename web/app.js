/** Builds the page: the model, the link to the gateway, and the views on both. */
import { Actions } from "./actions/actions.js";
import { Meetings } from "./actions/meetings.js";
import { Outgoing } from "./actions/outgoing.js";
import { Chat } from "./model/chat.js";
import { Drafts } from "./model/drafts.js";
import { Outbox } from "./model/outbox.js";
import { Source } from "./socket/source.js";
import { DraftStore } from "./storage/draft-store.js";
import { OutboxStore } from "./storage/outbox-store.js";
import { openStorage } from "./storage/page-storage.js";
import { Token } from "./storage/token.js";
import { mountAddresses } from "./views/addresses.js";
import { mountBanners } from "./views/banners.js";
import { mountComposer } from "./views/composer.js";
import { ConversationView } from "./views/conversation-view.js";
import { mountDial } from "./views/dial.js";
import { mountDrawers } from "./views/drawers.js";
import { watchFailures } from "./views/failures.js";
import { mountHeader } from "./views/header.js";
import { mountInputMethod } from "./views/input-method.js";
import { mountInvite } from "./views/invite.js";
import { mountInvited } from "./views/invited.js";
import { askBeforeLeaving } from "./views/leaving.js";
import { mountMe } from "./views/me.js";
import { mountPeers } from "./views/peers.js";
import { mountReach } from "./views/reach.js";
import { mountRooms } from "./views/rooms.js";
import { route } from "./views/route.js";
import { Screen } from "./views/screen.js";
import { mountToken } from "./views/token.js";

const screen = new Screen();
const touch = (topics) => screen.touch(topics);
const storage = openStorage();
const token = new Token(storage);
const draftStore = new DraftStore(openStorage("sessionStorage"), storage);
export const drafts = new Drafts(draftStore);
export const chat = new Chat();
const store = new OutboxStore(storage);
export const outbox = new Outbox(store);
const source = new Source(token, {
  hello: () => ({ type: "hello", after: chat.cursor, rooms: [] }),
  isReady: () => chat.isReady,
  receive: (frame) => actions.receive(frame),
  change: (state, retryTime) => actions.linkChanged(state, retryTime),
  turnedAway: (admission) => actions.turnedAway(admission),
  measured: (peers) => actions.measured(peers),
});
export { source as link };
export const outgoing = new Outgoing({ chat, outbox, source, touch });
const draw = () => screen.draw();
const actions = new Actions({ chat, source, outgoing, token, route, touch, draw });
const meetings = new Meetings({ source, route, enter: (room) => actions.enter(room) });
watchFailures((error) => actions.failed(error));

mountInputMethod();
const conversation = new ConversationView(chat, {
  retry: (clientId) => outgoing.retry(clientId),
  remove: (clientId) => outgoing.remove(clientId),
  loadOlder: () => actions.loadOlder(),
});
const closeDrawers = mountDrawers();
const enter = (room) => {
  closeDrawers();
  actions.enter(room);
};
const send = (text, room) => {
  outgoing.send(text, room);
  conversation.follow();
};
const composer = mountComposer(chat, drafts, send);
screen.add(["messages", "node", "link", "peers"], () => conversation.render());
screen.add(["node", "rooms", "peers", "link"], mountHeader(chat));
screen.add(["rooms", "node", "peers"], mountRooms(chat, { enter, join: (room) => actions.join(room), leave: (room) => actions.leave(room) }));
screen.add(["peers", "node"], mountPeers(chat));
screen.add(["peers", "node"], mountReach(chat));
screen.add(["node"], mountAddresses(chat));
screen.add(["node"], mountMe(chat));
screen.add(["rooms", "node"], composer.render);
screen.add(["drafts"], composer.showDraft);
screen.add(["link", "node"], mountBanners(chat, {
  retry: () => source.open(),
  reload: () => location.reload(),
  dismiss: (kind) => actions.dismiss(kind),
}));
screen.add(["link"], mountToken(chat, (value) => actions.enterToken(value)));
screen.add(["rooms", "node", "link"], mountInvite(chat, (room) => meetings.create(room)));
screen.add(["rooms", "node", "link"], mountInvited(chat, meetings));
mountDial((text) => meetings.meet(text));

store.watch((id) => outgoing.droppedElsewhere(id));
draftStore.watch((room, draft) => {
  drafts.droppedElsewhere(room, draft);
  touch(["drafts"]);
});
askBeforeLeaving(() => outbox.isSafe && drafts.isSafe);
outgoing.start();
actions.start();
document.documentElement.dataset.started = "";
