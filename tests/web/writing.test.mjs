/** What a text becomes on the page: Markdown, links, mentions, emoji, quotes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emojiFound, emojiOfLine, isEmojiAlone } from "../../web/model/emoji.js";
import { imageTypeOf } from "../../web/model/images.js";
import { treeOfMarkdown } from "../../web/model/markdown.js";
import { mentionBeing, mentionParts, peopleMatching } from "../../web/model/mentions.js";
import { People } from "../../web/model/people.js";
import { quoteOf, withoutQuotes } from "../../web/model/quoting.js";
import { EMOJI_GROUPS } from "../../web/vendor/emoji/emoji.js";
import { ANN, ME } from "./frames.mjs";

const kinds = (tree) => tree.flatMap(({ kind, children }) => [kind, ...(children ? kinds(children) : [])]);

test("a text without markup is left as it was written", () => {
  for (const text of ["hello", "two  spaces\n  and lines\n\n", "snake_case_name", "2 * 3 * 4", "a > b", "#hash", "<b>bold</b>", "C:\\dir", "1.5"]) {
    assert.equal(treeOfMarkdown(text), null, text);
  }
});

for (const [text, expected] of [
  ["**b** *i* ~~s~~ `c`", ["paragraph", "strong", "text", "text", "em", "text", "text", "strike", "text", "text", "code"]],
  ["> quoted\n\nanswer", ["quote", "paragraph", "text", "paragraph", "text"]],
  ["- one\n- two", ["bullets", "item", "paragraph", "text", "item", "paragraph", "text"]],
  ["3. three", ["numbers", "item", "paragraph", "text"]],
]) {
  test(`markup is read: ${JSON.stringify(text)}`, () => assert.deepEqual(kinds(treeOfMarkdown(text)), expected));
}

test("code keeps every character, whatever it looks like", () => {
  const [block] = treeOfMarkdown("```js\nif (a < b && **c**) {\n\treturn  1;\n}\n```");
  assert.deepEqual([block.kind, block.text, block.language], ["block", "if (a < b && **c**) {\n\treturn  1;\n}", "js"]);
});

test("a link leads to the web or nowhere", () => {
  const link = (text) => treeOfMarkdown(text)?.[0].children.find(({ kind }) => kind === "link");
  assert.equal(link("[press](https://example.org/a)").href, "https://example.org/a");
  for (const text of ["[press](javascript:alert(1))", "[press](data:text/html,x)", "[press](vbscript:x)"]) assert.equal(link(text), undefined);
  for (const text of ["[press](/local)", "[press](http://user:secret@example.org/)", "[press](mailto:a@b.c)"]) assert.equal(link(text).href, null, text);
  assert.ok(!kinds(treeOfMarkdown("![picture](https://example.org/a.png)")).includes("image"));
});

test("markup that is meant to be slow to read is not", () => {
  const begin = performance.now();
  for (const piece of ["[", "*a_", "> ", "`", "~~", "- \n ", "![a](", "**"]) treeOfMarkdown(piece.repeat(60_000 / piece.length));
  assert.ok(performance.now() - begin < 5_000);
});

test("a few emoji alone are large, anything else is not", () => {
  for (const text of ["😀", "👨‍👩‍👧 🇩🇪", "❤️", "👍🏽👍🏽"]) assert.equal(isEmojiAlone(text), true, text);
  for (const text of ["", "a 😀", "1", "#", "😀".repeat(7), "12"]) assert.equal(isEmojiAlone(text), false, text);
});

test("emoji are found by the words of their names", () => {
  assert.deepEqual(emojiOfLine("😀 grinning face"), { emoji: "😀", name: "grinning face" });
  const found = emojiFound(EMOJI_GROUPS, "red heart", 10).map(({ emoji }) => emoji);
  assert.ok(found.includes("❤️"), found.join());
  assert.equal(emojiFound(EMOJI_GROUPS, "face", 5).length, 5);
});

test("a mention is a name behind @ that nothing goes on with", () => {
  const mentioned = (text, names = ["Ann", ANN.slice(-8)]) => mentionParts(text, names).filter((part) => part.isMention).map((part) => part.text);
  assert.deepEqual(mentioned("hi @ann, and @Anna"), ["@ann"]);
  assert.deepEqual(mentioned(`@${ANN.slice(-8)}!`), [`@${ANN.slice(-8)}`]);
  assert.deepEqual(mentioned("mail@ann"), []);
  assert.equal(mentionParts("a @Ann b", ["Ann"]).map(({ text }) => text).join(""), "a @Ann b");
});

test("the mention that is being written is completed by names and short ids", () => {
  assert.deepEqual(mentionBeing("hi @an", 6), { start: 3, query: "an" });
  assert.equal(mentionBeing("a@b", 3), null);
  assert.equal(mentionBeing("hi @an there", 12), null);
  const people = [{ name: "Ann Lee", shortId: "aaaa" }, { name: "Bob", shortId: "leeX" }, { name: "Cy", shortId: "x" }];
  assert.deepEqual(peopleMatching(people, "lee", 9).map(({ name }) => name), ["Ann Lee", "Bob"]);
});

test("a reply quotes the author and what was said, not what that quoted", () => {
  const quote = quoteOf("Ann *", "> Bob\n> old\n\nnew\ntext");
  assert.equal(quote, "> **Ann \\***\n> new\n> text\n\n");
  assert.equal(withoutQuotes("> a\nb"), "b");
  assert.ok(quoteOf("a", "x".repeat(2_000)).length < 320);
  assert.deepEqual(kinds(treeOfMarkdown(`${quote}answer`)).slice(0, 3), ["quote", "paragraph", "strong"]);
});

test("people are called by petname, by name, and by a short id where that is not enough", () => {
  const people = new People();
  assert.equal(people.nameOf(ANN), ANN.slice(-8));
  people.learn([{ peer_id: ANN, name: "Ann", petname: "", lookalike_ids: [] }]);
  assert.deepEqual([people.nameOf(ANN), people.handleOf(ANN)], ["Ann", "Ann"]);
  people.learn([{ peer_id: ANN, name: "Ann", petname: "", lookalike_ids: [ME] }]);
  assert.deepEqual([people.nameOf(ANN), people.handleOf(ANN)], [`Ann (${ANN.slice(-8)})`, ANN.slice(-8)]);
  people.learn([{ peer_id: ANN, name: "Ann", petname: "Sister", lookalike_ids: [ME] }]);
  assert.equal(people.nameOf(ANN), "Sister");
  assert.deepEqual(people.namesOf(ANN), [ANN, ANN.slice(-8), "Ann"]);
});

test("a picture is what its first bytes say", () => {
  assert.equal(imageTypeOf([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), "image/png");
  assert.equal(imageTypeOf([0xff, 0xd8, 0xff, 0xe0]), "image/jpeg");
  assert.equal(imageTypeOf([...Buffer.from("RIFF0000WEBPVP8 ")]), "image/webp");
  for (const text of ["<svg xmlns=", "<!doctype html>", "GIF89a", "RIFF0000WAVE", ""]) assert.equal(imageTypeOf([...Buffer.from(text)]), null);
});
