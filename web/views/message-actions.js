/** Replying to a message and copying it, by whichever way that is asked for; and what helps writing. */
import { quoteOf } from "../model/quoting.js";
import { copyText } from "./clipboard.js";
import { byId } from "./dom.js";
import { mountEmojiPicker } from "./emoji-picker.js";
import { mountMentionList } from "./mention-list.js";
import { mountMessageDetails } from "./message-details.js";
import { mountMessageTools } from "./message-tools.js";
import { showToast } from "./toast.js";

/** @param composer what mountComposer gives; keepUnread leaves a message and what came after it unread */
export function mountMessageActions(chat, composer, keepUnread) {
  const text = byId("composer-text");
  const doing = {
    reply: ({ author, text: said }) => {
      composer.put(0, 0, quoteOf(chat.nameOf(author || chat.node?.peer_id || ""), said ?? "Not text"));
      composer.put(text.value.length, text.value.length, "");
    },
    copy: async ({ text: said }) => {
      const isCopied = await copyText(said ?? "");
      showToast(isCopied ? "Copied." : "The browser did not let it be copied.");
    },
  };
  doing.unread = async (message) => {
    await keepUnread(message);
    showToast("Unread from here.");
  };
  mountMessageTools(chat, { ...doing, details: mountMessageDetails(chat, doing) });
  mountMentionList(chat, composer.put);
  mountEmojiPicker((emoji) => composer.put(text.selectionStart, text.selectionEnd, emoji));
}
