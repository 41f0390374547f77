/** Replies quote what they answer: lines that begin with `>`, which every chat program shows. Pure. */

const MAX_LINES = 4;
const MAX_CHARACTERS = 280;

/** Write the quote of a message, the author first; what is written next stands below it. */
export function quoteOf(author, text) {
  const own = withoutQuotes(text).trim();
  const cut = cutOf(own || text.trim());
  const lines = `**${author.replace(/[*_\\`[\]]/g, "\\$&")}**\n${cut}`.split("\n");
  return `${lines.map((line) => `> ${line}`.trimEnd()).join("\n")}\n\n`;
}

/** What a message says itself, without what it quotes. */
export function withoutQuotes(text) {
  return text.split("\n").filter((line) => !line.startsWith(">")).join("\n");
}

function cutOf(text) {
  const lines = text.split("\n").slice(0, MAX_LINES).join("\n");
  const cut = lines.slice(0, MAX_CHARACTERS).replace(/[\ud800-\udbff]$/, "");
  return cut.length < text.length ? `${cut}…` : cut;
}
