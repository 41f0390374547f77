import assert from "node:assert/strict";
import { test } from "node:test";
import { firstParts, partsOf } from "../../web/model/links.js";

const hrefs = (text) => partsOf(text).flatMap((part) => part.href ?? []);

for (const [text, expected] of [
  ["see https://example.org/a?b=c#d.", ["https://example.org/a?b=c#d"]],
  ["(http://example.org/)", ["http://example.org/"]],
  ["https://en.example/wiki/Yagi_(antenna), yes", ["https://en.example/wiki/Yagi_(antenna)"]],
  ["HTTPS://EXAMPLE.ORG", ["https://example.org/"]],
  ["two: http://a.example http://b.example!", ["http://a.example/", "http://b.example/"]],
  ["http://[::1]:8080/x", ["http://[::1]:8080/x"]],
  ["javascript:alert(1)", []],
  ["JaVaScRiPt://example.org/%0aalert(1)", []],
  ["data:text/html,<script>1</script>", []],
  ["file:///etc/passwd ftp://example.org", []],
  ["https://", []],
  ["http://user:secret@example.org/", []],
  ['https://example.org/"onmouseover="alert(1)', ["https://example.org/"]],
  ["https://example.org/<script>", ["https://example.org/"]],
  ["https://example.org/\u202egpj.exe", ["https://example.org/"]],
  ["xhttps://example.org", []],
  ["请看https://example.com/docs，然后继续", ["https://example.com/docs"]],
  ["«https://example.com/x»", ["https://example.com/x"]],
  ["‹https://example.com/x›, “https://example.com/y”, ‘https://example.com/z’", ["https://example.com/x", "https://example.com/y", "https://example.com/z"]],
  ["„https://example.com/x“ und ‚https://example.com/y‘", ["https://example.com/x", "https://example.com/y"]],
  ["（https://a.example/b）之后", ["https://a.example/b"]],
  ["【https://a.example/b】「https://a.example/c」『https://a.example/d』《https://a.example/e》〈https://a.example/f〉", [..."bcdef"].map((path) => `https://a.example/${path}`)],
  ...[..."。！？、；：”’」』】》…，．｡､～｜〜—―·・،؟؛۔।॥։׃!?.,;:"].map((mark) => [`https://a.example/b${mark}`, ["https://a.example/b"]]),
  ...[..."。！？、；：”’」』】》…，｡､～—،؟؛۔।"].map((mark) => [`看https://a.example/b${mark}然后`, ["https://a.example/b"]]),
  ["https://a.example/b...", ["https://a.example/b"]],
  ["https://a.example/b?!", ["https://a.example/b"]],
  ["https://a.example/b”。", ["https://a.example/b"]],
  ["https://en.example/wiki/A_(b)", ["https://en.example/wiki/A_(b)"]],
  ["(https://en.example/wiki/A_(b))", ["https://en.example/wiki/A_(b)"]],
  ["see (https://en.example/wiki/A_(b)).", ["https://en.example/wiki/A_(b)"]],
  ["(see https://a.example/b)and more", ["https://a.example/b"]],
  ["[a](https://a.example/b) and [https://a.example/c](https://a.example/d)", [..."bcd"].map((path) => `https://a.example/${path}`)],
  ["<https://a.example/b>, **https://a.example/c**, _https://a.example/d_, `https://a.example/e`, ||https://a.example/f||", [..."bcdef"].map((path) => `https://a.example/${path}`)],
  ["'https://a.example/b', \"https://a.example/c\"", ["https://a.example/b", "https://a.example/c"]],
  ["https://a.example/b,https://a.example/c;https://a.example/d", [..."bcd"].map((path) => `https://a.example/${path}`)],
  ["https://web.example/2020/https://a.example/b", ["https://web.example/2020/https://a.example/b"]],
  ["https://en.example/wiki/Rubik's_Cube", ["https://en.example/wiki/Rubik's_Cube"]],
  ["https://en.example/Michelson–Morley", ["https://en.example/Michelson%E2%80%93Morley"]],
  ["https://ja.example/スター・ウォーズ。", [new URL("https://ja.example/スター・ウォーズ").href]],
  ["https://fa.example/کتاب\u200cها", [new URL("https://fa.example/کتاب\u200cها").href]],
  ["https://a.example/b\u200bc", ["https://a.example/b"]],
  ["https://a.example/b\u200dc\u00adc", [new URL("https://a.example/b").href]],
  ["https://a.example/b\u2066c\u2069", ["https://a.example/b"]],
  ["https://a.example/b\u3164c", ["https://a.example/b"]],
  ["https://a.example/b\u3000c", ["https://a.example/b"]],
  ["https://例え.example/パス、", ["https://xn--r8jz45g.example/%E3%83%91%E3%82%B9"]],
  ["https://аpple.example/", ["https://xn--pple-43d.example/"]],
  ["ראו https://a.example/b", ["https://a.example/b"]],
  ["راجع https://a.example/b؟", ["https://a.example/b"]],
  ["https://a.example:8443/b?c=d&e=f#g", ["https://a.example:8443/b?c=d&e=f#g"]],
  ["https://a.example@b.example/", []],
  ["https://a.example\\@b.example/", ["https://a.example/"]],
  ["https://a.example:99999/", []],
  ["https://a.example/\ud83d", ["https://a.example/"]],
  ["https://a.example/👩‍🚀❤️", [new URL("https://a.example/👩‍🚀❤️").href]],
]) {
  test(`links in ${JSON.stringify(text)}`, () => {
    assert.deepEqual(hrefs(text), expected);
    assert.equal(partsOf(text).map((part) => part.text).join(""), text);
  });
}

for (const piece of ["http://", "https://a.example/(", ")", "http://a.example/....", "]})", "·x", "，"]) {
  test(`each of 60,000 characters of ${piece} is looked at a few times only`, (context) => {
    const looks = context.mock.method(String.prototype, "codePointAt");
    const text = `https://a.example/${piece.repeat(60_000 / piece.length)}`;
    assert.equal(partsOf(text).map((part) => part.text).join(""), text);
    assert.ok(looks.mock.callCount() <= 3 * text.length, `${looks.mock.callCount()} looks`);
  });
}

test("a link that is cut is no link, whatever stands at the cut", () => {
  const text = "see https://a.example/b,c and";
  const first = (length) => firstParts(partsOf(text), length);
  assert.deepEqual(first(23), [{ text: "see " }, { text: "https://a.example/b" }]);
  assert.equal(first(text.length)[1].href, "https://a.example/b,c");
  assert.equal(first(text.indexOf(" and"))[1].href, "https://a.example/b,c");
  assert.deepEqual(first(2), [{ text: "se" }]);
});

test("a browser that lacks URL.canParse finds the same links", (context) => {
  const { canParse } = URL;
  context.after(() => (URL.canParse = canParse));
  delete URL.canParse;
  assert.deepEqual(hrefs("https://a.example/b https://"), ["https://a.example/b"]);
});
