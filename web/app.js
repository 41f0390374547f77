/** Builds the page: the model, the link to the gateway, and the views on both. */
import { Actions } from "./actions.js";
import { Chat } from "./model/chat.js";
import { Outbox } from "./model/outbox.js";
import { Courier } from "./socket/courier.js";
import { Link } from "./socket/link.js";
import { OutboxStore, openStorage } from "./socket/outbox-store.js";
import { mountAddresses } from "./views/addresses.js";
import { mountBanners } from "./views/banners.js";
import { mountComposer } from "./views/composer.js";
import { ConversationView } from "./views/conversation-view.js";
import { mountDial } from "./views/dial.js";
import { mountDrawers } from "./views/drawers.js";
import { mountHeader } from "./views/header.js";
import { mountMe } from "./views/me.js";
import { mountPeers } from "./views/peers.js";
import { mountRooms } from "./views/rooms.js";
import { Screen } from "./views/screen.js";

const screen = new Screen();
export const chat = new Chat();
export const outbox = new Outbox(new OutboxStore(openStorage()));
export const link = new Link(new URL("ws", document.baseURI).href.replace(/^http/, "ws"), {
  hello: () => ({ type: "hello", after: chat.cursor, rooms: [] }),
  receive: (frame) => actions.receive(frame),
  change: (state, retryTime) => actions.linkChanged(state, retryTime),
});
export const courier = new Courier(link, outbox, {
  isReady: () => chat.isReady,
  kept: (entry, answer) => actions.kept(entry, answer),
  refused: (entry, error) => actions.refused(entry, error),
});
export const actions = new Actions({ chat, outbox, link, courier, touch: (topics) => screen.touch(topics) });

const conversation = new ConversationView(chat, actions);
const closeDrawers = mountDrawers();
const enter = (room) => {
  closeDrawers();
  actions.enter(room);
};
const send = (text) => {
  actions.send(text);
  conversation.follow();
};
screen.add(["messages", "node", "link"], () => conversation.render());
screen.add(["node", "rooms", "peers", "link"], mountHeader(chat, { leave: (room) => actions.leave(room) }));
screen.add(["rooms", "node", "peers"], mountRooms(chat, { enter, join: (room) => actions.join(room) }));
screen.add(["peers", "node"], mountPeers(chat));
screen.add(["node"], mountAddresses(chat));
screen.add(["node"], mountMe(chat));
screen.add(["rooms", "node"], mountComposer(chat, send));
screen.add(["link", "node"], mountBanners(chat, { retry: () => link.open(), dismiss: () => actions.dismissGap() }));
mountDial((address) => actions.dial(address));

actions.begin();
