/** How people find one another: invites made and accepted, and addresses dialled. */
import { inviteIn } from "../model/invites.js";

export class Meetings {
  #source;
  #route;
  #enter;
  #declined = null;

  /** @param enter shows a room */
  constructor({ source, route, enter }) {
    this.#source = source;
    this.#route = route;
    this.#enter = enter;
  }

  /** The invite that the page's address holds and that nobody has declined, or null. */
  get invite() {
    const { invite } = this.#route;
    return invite === this.#declined ? null : invite;
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

  /** Forget the invite that the page was opened with, and show a room instead. */
  decline(room) {
    this.#declined = this.invite;
    this.#enter(room);
  }

  /** Accept an invite, or dial an address, whichever was entered. */
  meet(text) {
    const invite = inviteIn(text);
    return invite ? this.accept(invite) : this.#source.request({ type: "connect", address: text });
  }
}
