// What needs neither a server nor a browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { backoff, Hearing, KeptAudio, level, mix, toJson, toPcm, toSrt, toText, toVtt, Transcript, wav } from "../src/index.js";

const ramp = (from, length) => Int16Array.from({ length }, (_, n) => from + n);
const joined = (chunks) => [...chunks].flatMap((chunk) => [...chunk]);

test("waits grow up to a limit, and differ", () => {
  const longest = Array.from({ length: 9 }, (_, attempt) => backoff(attempt, () => 0));
  assert.deepEqual(longest, [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5]);
  assert.equal(backoff(2, () => 1), 0.5);
  assert.equal(backoff(1e9, () => 0), 5);
});

test("floats become integers, and what is too loud is clipped", () => {
  assert.deepEqual([...toPcm(Float32Array.of(0, 1, -1, 2, -2, 0.5, NaN))], [0, 32767, -32768, 32767, -32768, 16384, 0]);
  assert.deepEqual([...mix([Float32Array.of(1, 0), Float32Array.of(0, -1)])], [0.5, -0.5]);
  assert.deepEqual(mix([]).length, 0);
  assert.deepEqual(level(new Int16Array(0)), { rms: 0, peak: 0 });
  const { rms, peak } = level(Int16Array.of(16384, -16384));
  assert.deepEqual([rms, peak], [0.5, 0.5]);
});

test("a WAV file says how long it is", async () => {
  const bytes = new Uint8Array(await new Blob(wav([ramp(0, 3), ramp(3, 2)], 8000)).arrayBuffer());
  const view = new DataView(bytes.buffer);
  assert.equal(String.fromCharCode(...bytes.slice(0, 4), ...bytes.slice(8, 16)), "RIFFWAVEfmt ");
  assert.deepEqual([view.getUint32(4, true), view.getUint32(24, true), view.getUint32(40, true)], [46, 8000, 10]);
  assert.deepEqual([...new Int16Array(bytes.buffer, 44)], [0, 1, 2, 3, 4]);
});

test("audio is kept from any position to the end", () => {
  const kept = new KeptAudio(Infinity);
  for (const at of [0, 4, 8]) kept.push(ramp(at, 4));
  for (let at = 0; at <= 12; at += 1) assert.deepEqual(joined(kept.from(at)), joined([ramp(at, 12 - at)]));
  kept.release(7);
  assert.deepEqual([kept.start, kept.end], [4, 12]);
  assert.deepEqual(joined(kept.from(0)), joined([ramp(4, 8)]));
  kept.release(100);
  assert.deepEqual([kept.start, kept.end, joined(kept.from(0))], [12, 12, []]);
});

test("kept audio is bounded, and the newest stays", () => {
  const kept = new KeptAudio(10);
  for (let at = 0; at < 1000; at += 4) {
    kept.push(ramp(at, 4));
    assert.ok(kept.end - kept.start < 14);
  }
  assert.ok(kept.end - kept.start >= 10);
  assert.deepEqual(joined(kept.chunks()), joined([ramp(kept.start, kept.end - kept.start)]));
});

test("a partial is replaced, and a segment ends it", () => {
  const transcript = new Transcript();
  assert.equal(transcript.apply({ type: "ready", separator: "" }), null);
  assert.equal(transcript.apply({ type: "partial", start: 0, end: 1, text: "one" }), "partial");
  assert.equal(transcript.partial.text, "one");
  assert.equal(transcript.apply({ type: "segment", start: 0, end: 1.5, text: "one two" }), "segment");
  assert.equal(transcript.partial, null);
  assert.equal(transcript.apply({ type: "partial", start: 2, end: 2, text: "" }), "partial");
  assert.equal(transcript.partial, null);
  transcript.apply({ type: "segment", start: 2, end: 3, text: "three" });
  assert.deepEqual([transcript.text, transcript.end], ["one twothree", 3]);
  assert.equal(transcript.apply({ type: "gap", start: 4, end: 5 }), "gap");
  transcript.apply({ type: "partial", start: 5, end: 6, text: "four" });
  assert.equal(transcript.apply({ type: "done", seconds: 6 }), "partial");
  assert.equal(transcript.apply({ type: "of a later version" }), null);
  assert.deepEqual(JSON.parse(toJson(transcript)).gaps, [{ start: 4, end: 5 }]);
});

test("subtitles have the times and escape what they must", () => {
  const segments = [
    { start: 0.5, end: 1.25, text: "a < b & c --> d" },
    { start: 3661.0004, end: 3662.9996, text: "two\n\nlines" },
  ];
  assert.equal(toSrt(segments), "1\n00:00:00,500 --> 00:00:01,250\na < b & c --> d\n\n2\n01:01:01,000 --> 01:01:03,000\ntwo lines\n");
  assert.equal(
    toVtt(segments),
    "WEBVTT\n\n00:00:00.500 --> 00:00:01.250\na &lt; b &amp; c --&gt; d\n\n01:01:01.000 --> 01:01:03.000\ntwo lines\n",
  );
  assert.equal(toText(segments), "a < b & c --> d\ntwo lines\n");
  assert.deepEqual([toSrt([]), toVtt([]), toText([])], ["", "WEBVTT\n", ""]);
});

test("every client writes the same files", () => {
  const cases = JSON.parse(readFileSync(new URL("../../cases/transcripts.json", import.meta.url), "utf8"));
  for (const { name, events, text, srt, vtt, json } of cases) {
    const transcript = new Transcript();
    for (const event of events) transcript.apply(event);
    const { segments } = transcript;
    assert.deepEqual([toText(segments), toSrt(segments), toVtt(segments), toJson(transcript)], [text, srt, vtt, json], name);
  }
});

test("long segments become captions that fit a screen, and no word is lost", () => {
  const words = Array.from({ length: 60 }, (_, n) => ({ start: n / 2, end: n / 2 + 0.4, text: `word${n}` }));
  const text = words.map((word) => word.text).join(" ");
  const srt = toSrt([{ start: 0, end: 29.9, text, words }]);
  const cues = srt.trim().split("\n\n").map((cue) => cue.split("\n"));
  assert.ok(cues.length > 4);
  for (const [, , ...lines] of cues) assert.ok(lines.length <= 3 && lines.every((line) => line.length <= 42), lines.join("|"));
  assert.equal(cues.flatMap(([, , ...lines]) => lines).join(" "), text);
});

test("a microphone that does not work is noticed", () => {
  const after = (loudness, seconds) => {
    const hearing = new Hearing();
    let said = null;
    for (let n = 0; n < seconds * 10; n += 1) said = hearing.heard(loudness, 0.1);
    return [said, hearing];
  };
  assert.equal(after({ rms: 0, peak: 0 }, 2)[0], null);
  assert.equal(after({ rms: 0, peak: 0 }, 4)[0], "dead");
  assert.equal(after({ rms: 0.0001, peak: 0.0002 }, 4)[0], "dead");
  assert.equal(after({ rms: 0.001, peak: 0.01 }, 9)[0], null);
  assert.equal(after({ rms: 0.001, peak: 0.01 }, 11)[0], "quiet");
  assert.equal(after({ rms: 0.3, peak: 1 }, 3)[0], "loud");
  const [said, hearing] = after({ rms: 0.1, peak: 0.5 }, 16);
  assert.equal(said, "wordless");
  hearing.text();
  assert.equal(hearing.heard({ rms: 0.1, peak: 0.5 }, 0.1), null);
});
