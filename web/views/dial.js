/** The form that dials a peer and shows the outcome. */
import { shortId } from "../model/author.js";
import { byId } from "./dom.js";
import { bindForm } from "./form.js";
import { connectionText } from "./peers.js";

/** @param dial dials an address and promises the answer */
export function mountDial(dial) {
  bindForm(byId("dial-form"), byId("dial-result"), {
    busy: "Connecting…",
    run: dial,
    done: ({ peer }) => {
      const how = connectionText(peer);
      return `Connected to ${shortId(peer.peer_id)}${how && ` (${how})`}.`;
    },
  });
}
