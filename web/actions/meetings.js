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
  meet(text) {
    const invite = inviteIn(text);
    return invite ? this.accept(invite) : this.#source.request({ type: "connect", address: text });
  }
}
