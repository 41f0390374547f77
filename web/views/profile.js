/** The form in which a person says who they are; the picture is made small here. */
import { MAX_PICTURE_BYTES, PICTURE_ATTEMPTS, middleSquare } from "../model/picture-size.js";
import { byId, setText } from "./dom.js";

const BASE64 = /^data:[^,]*,/;

/** @param profiles `publish(profile)` and `load(peerId)`, which promise */
export function mountProfile(chat, profiles) {
  const form = byId("profile-form");
  let shown = null;
  const say = (text, state) => {
    setText(byId("profile-result"), text);
    byId("profile-result").dataset.state = state;
  };
  const save = async (avatar) => {
    say("Saving…", "busy");
    try {
      const { color = "" } = chat.people.get(chat.node.peer_id) ?? {};
      await profiles.publish({ name: byId("profile-name").value, about: byId("profile-about").value, color, avatar: await avatar() });
      byId("profile-picture").value = "";
      say("Saved.", "done");
    } catch (error) {
      say(error.message, "failed");
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [file] = byId("profile-picture").files ?? [];
    save(() => (file ? pictureFrom(file) : presentPicture(chat, profiles)));
  });
  byId("profile-no-picture").addEventListener("click", () => save(async () => ""));
  return function render() {
    const profile = chat.people.get(chat.node?.peer_id);
    form.hidden = !chat.can("set_profile");
    byId("profile-no-picture").hidden = !profile?.avatar_hash;
    if (!profile || profile === shown || form.contains(document.activeElement)) return;
    shown = profile;
    byId("profile-name").value = profile.name;
    byId("profile-about").value = profile.about;
  };
}

/** A profile is published as a whole, so the picture that is there is given again. */
async function presentPicture(chat, profiles) {
  const { peer_id: me } = chat.node;
  return chat.people.get(me)?.avatar_hash ? (await profiles.load(me)).profile.avatar : "";
}

/** Draw the middle of a picture as small as a profile takes it; promise it in base64. */
async function pictureFrom(file) {
  const picture = await createImageBitmap(file).catch(() => Promise.reject(new Error("This is no picture that can be read.")));
  const canvas = document.createElement("canvas");
  for (const [side, quality] of PICTURE_ATTEMPTS) {
    canvas.width = side;
    canvas.height = side;
    canvas.getContext("2d").drawImage(picture, ...square(picture), 0, 0, side, side);
    const base64 = canvas.toDataURL("image/jpeg", quality).replace(BASE64, "");
    if ((base64.length * 3) / 4 <= MAX_PICTURE_BYTES) return base64;
  }
  throw new Error("This picture cannot be made small enough.");
}

function square({ width, height }) {
  const [x, y, side] = middleSquare(width, height);
  return [x, y, side, side];
}
