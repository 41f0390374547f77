import assert from "node:assert/strict";
import { test } from "node:test";
import { partsOf } from "../../web/model/links.js";

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
]) {
  test(`links in ${JSON.stringify(text)}`, () => {
    assert.deepEqual(hrefs(text), expected);
    assert.equal(partsOf(text).map((part) => part.text).join(""), text);
  });
}

for (const piece of ["http://", "https://a.example/(", ")", "http://a.example/....", "]})"]) {
  test(`60,000 characters of ${piece} are read in no time`, () => {
    const text = `https://a.example/${piece.repeat(60_000 / piece.length)}`;
    const start = performance.now();
    assert.equal(partsOf(text).map((part) => part.text).join(""), text);
    assert.ok(performance.now() - start < 1_000);
  });
}
