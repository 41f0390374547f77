/**
 * Finds where a web address ends in a text. Punctuation is Unicode's: a mark that
 * closes or separates ends the address wherever it stands, ASCII marks that may
 * be part of one only where nothing of it follows.
 */

/** Never in an address: blanks, controls, quotes, and what nobody sees. */
const NEVER = /[\s<>"`\\^|\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** Marks of other scripts than ASCII, and the forms of ASCII marks that stand among CJK. */
const FOREIGN_MARK = /[^\u0000-\u007f]/u; // eslint-disable-line no-control-regex
const MARK = /[\p{P}\p{Sm}\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\ufe10-\ufe19\ufe30-\ufe6b]/u;
/** Marks that also join the letters of a word, as in "l·l", "スター・ウォーズ", "Rubik’s", "کتاب‌ها". */
const JOINER = /['\u00b7\u05be\u05f3\u05f4\u2010-\u2013\u2019\u2027\u30fb\u200c\u200d]/u;
const EMOJI = /\p{Extended_Pictographic}/u;
const EMOJI_JOINER = /[\ufe0e\ufe0f\u200d]/u;
const TRAILING = /[.,;:!?*_~'([{]/u;
const NEXT_ADDRESS = /^[,;]https?:\/\//iu;
const CLOSING = { ")": "(", "]": "[", "}": "{" };

/** Return the index after the address whose host begins at `start`. */
export function linkEnd(text, start) {
  const open = { "(": 0, "[": 0, "{": 0 };
  let previous = "";
  let end = start;
  while (end < text.length) {
    const character = String.fromCodePoint(text.codePointAt(end));
    if (!isPart(previous, character, text, end) || !isBalanced(open, character)) break;
    end += character.length;
    previous = character;
  }
  return withoutTail(text, start, end);
}

function isPart(previous, character, text, index) {
  if (EMOJI_JOINER.test(character) && isEmoji(previous)) return true;
  if (JOINER.test(character)) return joins(previous, character, characterAt(text, index + 1));
  if (NEVER.test(character)) return false;
  if (FOREIGN_MARK.test(character)) return !MARK.test(character);
  return !NEXT_ADDRESS.test(text.slice(index, index + "?https://".length));
}

function isEmoji(character) {
  return EMOJI.test(character) || EMOJI_JOINER.test(character);
}

/** Count a bracket; false where it closes none that was opened in the address. */
function isBalanced(open, character) {
  if (character in open) open[character] += 1;
  const opening = CLOSING[character];
  if (opening) open[opening] -= 1;
  return !opening || open[opening] >= 0;
}

const WORD = /[\p{L}\p{M}\d%]/u;
const UNSEEN_JOINER = /[\u200c\u200d]/u;
const LATIN = 0;
const SCRIPTS = [
  /[\p{Script=Latin}\d%]/u,
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]/u,
  /\p{Script=Hebrew}/u,
  /\p{Script=Arabic}/u,
];

/** Whether a mark is within a word: both sides are letters of one script. No Latin word has an unseen one. */
function joins(before, character, after) {
  if (!WORD.test(before) || !WORD.test(after)) return false;
  const script = scriptOf(before);
  return script === scriptOf(after) && (script !== LATIN || !UNSEEN_JOINER.test(character));
}

function scriptOf(character) {
  return SCRIPTS.findIndex((script) => script.test(character));
}

function characterAt(text, index) {
  return index < text.length ? String.fromCodePoint(text.codePointAt(index)) : "";
}

function withoutTail(text, start, end) {
  let last = end;
  while (last > start && TRAILING.test(text[last - 1])) last -= 1;
  return last;
}
