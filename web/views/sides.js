/** What stands beside the conversation: people and settings. Called by page.js. */
import { keyOfPeer } from "../model/places.js";
import { mountAddresses } from "./addresses.js";
import { mountAnnouncing } from "./announcing.js";
import { mountBlocked } from "./blocked.js";
import { mountDial } from "./dial.js";
import { byId } from "./dom.js";
import { mountInvite } from "./invite.js";
import { mountInvited } from "./invited.js";
import { mountKeys } from "./keys.js";
import { mountMe } from "./me.js";
import { mountPeers } from "./peers.js";
import { mountPerson } from "./person.js";
import { mountPreferences } from "./preferences.js";
import { mountProfile } from "./profile.js";
import { mountReach } from "./reach.js";
import { mountSwitcher } from "./switcher.js";

/** @returns `announce(frame)`, which tells somebody who is not looking of a message */
export function mountSettings({ chat, screen, actions, preferences, touch }) {
  const enter = (key) => actions.enter(key);
  const switcher = mountSwitcher(chat, enter);
  const announcing = mountAnnouncing(chat, preferences, enter);
  byId("open-switcher").addEventListener("click", switcher);
  mountKeys(chat, { enter, switcher });
  mountPreferences(preferences, () => touch(["messages", "rooms", "people"]));
  screen.add(["rooms", "messages"], announcing.render);
  return announcing.announce;
}

/** People, the cards of them and of this node, and what brings others here. */
export function mountPeople({ chat, screen, actions, blocking, meetings, profiles }, avatars) {
  const person = mountPerson(chat, avatars, {
    rename: (peerId, petname) => profiles.rename(peerId, petname),
    block: (peerId) => blocking.block(peerId),
    unblock: (peerId) => blocking.unblock(peerId),
    disconnect: (peerId) => blocking.disconnect(peerId),
    writeTo: (peerId) => actions.enter(keyOfPeer(peerId)),
  });
  screen.add(["people"], mountBlocked(chat, (peerId) => blocking.unblock(peerId)));
  screen.add(["peers", "node", "rooms", "link", "people"], mountPeers(chat, avatars, person.show));
  screen.add(["peers", "node", "people"], person.render);
  screen.add(["peers", "node", "people"], mountReach(chat));
  screen.add(["node"], mountAddresses(chat));
  screen.add(["node", "people"], mountMe(chat, avatars));
  screen.add(["node", "people"], mountProfile(chat, profiles));
  screen.add(["rooms", "node", "link"], mountInvite(chat, (room) => meetings.create(room)));
  screen.add(["rooms", "node", "link"], mountInvited(chat, meetings));
  mountDial(chat, (text) => meetings.meet(text));
}
