/** How people find one another: invites made and accepted, and addresses dialled. */
import { inviteIn } from "../model/invites.js";

export class Meetings {
  #source;
  #route;
  #enter;

  /** @param enter shows a room */
  constructor({ source, route, enter }) {
    this.#source = source;
    this.#route = route;
    this.#enter = enter;
  }

  /** The invite that the page's address holds, or null. */
  get invite() {
    return this.#route.invite;
  }

  /** Promise an invite to a room. */
  create(room) {
    return this.#source.request({ type: "create_invite", room });
  }

  /** Accept an invite and show its room. */
  async accept(invite) {
    const answer = await this.#source.request({ type: "accept_invite", invite });
    this.#enter(answer.room.name);
    return answer;
  }

  /** Forget the invite that the page was opened with: the address names a room instead. */
  decline(room) {
    this.#enter(room);
  }

  /** Accept an invite, or dial an address, whichever was entered. */
  async meet(text) {
    const invite = inviteIn(text);
    if (invite) return this.accept(invite);
    if (!ADDRESS.test(text)) throw new Error(NO_ADDRESS);
    return this.#source.request({ type: "connect", address: text });
  }
}

/** What a peer's address has at least; the node says what else is wrong with one. */
const ADDRESS = /^\/.+\/p2p\/\w+$/;
const NO_ADDRESS = "this is neither an invite, which begins with wsp:, nor an address, which begins with / and ends in /p2p/ and a peer id";
