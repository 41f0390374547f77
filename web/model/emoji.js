/** Which texts are emoji alone. Pure. */

const ONE = "(?:\\p{Regional_Indicator}{2}|\\p{Extended_Pictographic}(?:\\ufe0f|\\p{Emoji_Modifier})?(?:\\u200d\\p{Extended_Pictographic}(?:\\ufe0f|\\p{Emoji_Modifier})?)*)";
const MAX_LARGE = 6;
const ALONE = new RegExp(`^(?:\\s*${ONE}){1,${MAX_LARGE}}\\s*$`, "u");
const MAX_CHARACTERS = 120;

/** Whether a text is a few emoji and nothing else, which are shown large. */
export function isEmojiAlone(text) {
  return text.length <= MAX_CHARACTERS && ALONE.test(text);
}

/** Find emoji by the words of their names; each group is `[name, lines]` of vendor/emoji. */
export function emojiFound(groups, query, most) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (const [, lines] of groups) {
    for (const line of lines.split("\n")) {
      if (words.every((word) => line.includes(word))) found.push(emojiOfLine(line));
      if (found.length >= most) return found;
    }
  }
  return found;
}

/** Read a line of vendor/emoji. */
export function emojiOfLine(line) {
  const space = line.indexOf(" ");
  return { emoji: line.slice(0, space), name: line.slice(space + 1) };
}
