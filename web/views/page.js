/** Puts all views on the model, and names what each is drawn for. Called by app.js, once. */
import { Avatars } from "./avatars.js";
import { mountBanners } from "./banners.js";
import { mountComposer } from "./composer.js";
import { ConversationView } from "./conversation-view.js";
import { closeDialog, mountDialogs } from "./dialogs.js";
import { byId } from "./dom.js";
import { mountDrawers } from "./drawers.js";
import { focusComposer, mountFocus } from "./focus.js";
import { mountHeader } from "./header.js";
import { mountMessageActions } from "./message-actions.js";
import { mountRooms } from "./rooms.js";
import { mountPeople, mountSettings } from "./sides.js";
import { showToast } from "./toast.js";
import { mountToken } from "./token.js";
import { mountWatching } from "./watching.js";

/** @param page the parts that app.js makes; what a view needs of them is in its own docstring */
export function mountPage(page) {
  const { chat, profiles, touch } = page;
  const avatars = new Avatars(chat.people, (peerId) => profiles.load(peerId), () => touch(["people"]));
  mountDialogs();
  mountConversation(page, avatars);
  mountList(page, avatars);
  mountPeople(page, avatars);
  mountGateway(page);
  return mountSettings(page);
}

function mountConversation(page, avatars) {
  const { chat, screen, actions, membership, outgoing, drafts, reading, deliveries } = page;
  const conversation = new ConversationView(chat, avatars, {
    retry: (clientId) => outgoing.retry(clientId),
    joinAndRetry: (clientId) => membership.joinAndRetry(clientId),
    remove: (clientId) => outgoing.remove(clientId),
    loadOlder: () => actions.loadOlder(),
    moved: () => watch(),
  });
  const composer = mountComposer(chat, drafts, (texts, room) => {
    const joining = membership.send(texts, room);
    if (!joining) conversation.follow();
    return joining;
  });
  mountMessageActions(chat, composer, (message) => reading.keepUnread(message));
  const watch = mountWatching(chat, { isAtEnd: () => conversation.isAtEnd, seen: () => reading.seen() });
  screen.add(["messages", "node", "link", "peers", "people"], () => conversation.render());
  screen.add(["messages", "rooms", "link"], watch);
  screen.add(["messages", "rooms"], () => deliveries.lookAtNewest());
  screen.add(["rooms", "node"], composer.render);
  screen.add(["drafts"], composer.showDraft);
  screen.add(["rooms"], mountFocus(chat));
}

function mountList({ chat, screen, actions, membership, drafts }, avatars) {
  const closeDrawers = mountDrawers();
  const enter = (room) => {
    closeDrawers();
    actions.enter(room);
  };
  const leave = async (room) => {
    await membership.leave(room);
    showToast(`You left ${room}.`, { label: "Undo", run: () => membership.join(room) });
  };
  screen.add(["node", "rooms", "peers", "link"], mountHeader(chat, { leave }));
  screen.add(["rooms", "node", "messages", "drafts", "people"], mountRooms(chat, avatars, {
    enter,
    join: (room) => membership.join(room),
    joined: () => {
      closeDialog(byId("add-dialog"));
      focusComposer();
    },
    draftIn: (key) => drafts.textIn(key),
  }));
}

function mountGateway({ chat, screen, actions, source }) {
  screen.add(["link", "node"], mountBanners(chat, {
    retry: () => source.open(),
    reload: () => location.reload(),
    dismiss: (kind) => actions.dismiss(kind),
  }));
  screen.add(["link"], mountToken(chat, (value) => actions.enterToken(value)));
}
