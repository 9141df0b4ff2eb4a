// The parts of the web page that know no document.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ofMicrophone, ofStream, ofUpload } from "../../host/server/page/problems.js";
import { field, isLanguage, value, written } from "../../host/server/page/schema.js";
import { doubt, spans } from "../../host/server/page/spans.js";
import { words } from "../../host/server/page/words.js";

test("each kind of field has its input and its value", () => {
  const read = (schema, text) => value(field("a_b", schema), text);
  assert.equal(field("a_b", {}).label, "A b");
  assert.equal(read({ type: "string" }, "  "), undefined);
  assert.equal(read({ type: "string" }, " de "), "de");
  assert.equal(read({ type: "boolean" }, "false"), false);
  assert.equal(read({ enum: ["x", "y"] }, "1"), "y");
  assert.equal(read({ type: "number" }, "0,5"), 0.5);
  assert.equal(read({ type: "integer" }, "-3"), -3);
  assert.deepEqual(read({ type: "array", items: { type: "string" } }, " one \n\ntwo"), ["one", "two"]);
  assert.deepEqual(read({ type: "object" }, '{"a": 1}'), { a: 1 });
  for (const [schema, text, wants] of [
    [{ type: "integer" }, "1.5", "wantsInteger"],
    [{ type: "number" }, "many", "wantsNumber"],
    [{ type: "object" }, "{", "wantsJson"],
  ]) {
    assert.throws(() => read(schema, text), { message: wants });
    assert.ok(words[wants]);
  }
  assert.deepEqual(["lan", "language", "task"].map(isLanguage), [true, true, false]);
});

test("the pieces of a segment are its text, whatever its words are", () => {
  const joined = (segment) => spans(segment).map(({ text }) => text).join("");
  const segment = { text: "Hello, big world.", words: [{ text: "Hello" }, { text: "world" }] };
  assert.deepEqual(spans(segment).map(({ text, word }) => [text, Boolean(word)]), [
    ["Hello", true],
    [", big ", false],
    ["world", true],
    [".", false],
  ]);
  for (const words of [undefined, [], [{ text: "absent" }], [{ text: "" }], [{ text: "world" }, { text: "Hello" }], [{ text: "l" }, { text: "l" }, { text: "l" }]]) {
    assert.equal(joined({ text: segment.text, words }), segment.text);
  }
});

test("doubtful words are shaded by how doubtful they are", () => {
  assert.deepEqual([1, 0.85, 0.84, 0.64, 0.39, 0, undefined, null].map(doubt), [
    null,
    null,
    "doubt-1",
    "doubt-2",
    "doubt-3",
    "doubt-3",
    null,
    null,
  ]);
});

test("every problem has words", () => {
  const microphone = ["SecurityError", "NotAllowedError", "NotFoundError", "OverconstrainedError", "NotReadableError", "AbortError"];
  const named = [
    ...microphone.map((name) => ofMicrophone({ name })),
    ...["unauthorized", "capacity", "overloaded", "shutting_down", "lag_exceeded", "ended_by_operator", "unreachable", "engine_error"].map(
      (code) => ofStream({ code, message: "m" }).problem,
    ),
    ...[400, 401, 404, 413, 429, 500, 503].map((status) => ofUpload(status, "m").problem),
    "pageRefused",
    "noServer",
    "silentFile",
    "lostMicrophone",
    "dead",
    "quiet",
    "loud",
    "wordless",
  ];
  for (const name of named) assert.equal(words.problems[name]?.length, 2, name);
  // What the server says is shown where this page does not know better.
  assert.equal(ofStream({ code: "engine_error", message: "m" }).detail, "m");
  assert.equal(ofStream({ code: "capacity", message: "m" }).detail, undefined);
});

test("what applies to a field without it is written as a person would type it", () => {
  const of = (schema) => written(field("a", schema));
  assert.equal(of({ type: "string" }), "");
  assert.equal(of({ type: "string", default: null }), "");
  assert.equal(of({ type: "string", default: "de" }), "de");
  assert.equal(of({ type: "boolean", default: false }), "false");
  assert.equal(of({ type: "number", default: 0 }), "0");
  assert.equal(of({ enum: ["x", "y"], default: "y" }), "y");
  assert.equal(of({ type: "array", items: { type: "string" }, default: ["one", "two"] }), "one\ntwo");
  assert.equal(of({ type: "object", default: { a: 1 } }), '{"a":1}');
});
