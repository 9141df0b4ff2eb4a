// Streams to a real server with the preset `tone`, whose segments are checksums of one second of audio each: they show
// that every sample arrived once and in order. `AURICLE_URL` is its address.

import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { test } from "node:test";
import { Failure, Stream, Transcript } from "../src/index.js";

const url = process.env.AURICLE_URL;
const options = { skip: url ? false : "AURICLE_URL is not set" };

/** Noise that is the same each time. */
function noise(length) {
  let state = 1;
  return Int16Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) - 0x8000;
  });
}

/** The texts of the segments. */
function expected(samples) {
  const texts = [];
  for (let at = 0; at < samples.length; at += 16_000) {
    const piece = samples.subarray(at, at + 16_000);
    const sum = piece.reduce((sum, sample) => (Math.imul(sum, 31) + sample) >>> 0, 0);
    texts.push(`${piece.length}:${sum.toString(16).padStart(8, "0")}`);
  }
  return texts;
}

/** A network that can break: forwards to the server, and ends all connections when asked to. */
async function network() {
  const { hostname, port } = new URL(url);
  const open = new Set();
  let connections = 0;
  const relay = createServer((client) => {
    connections += 1;
    const server = connect(Number(port), hostname);
    for (const [from, to] of [[client, server], [server, client]]) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
    }
  });
  await new Promise((listening) => relay.listen(0, "127.0.0.1", listening));
  const cut = () => {
    open.forEach((socket) => socket.destroy());
    open.clear();
  };
  return {
    url: `http://127.0.0.1:${relay.address().port}`,
    cut,
    count: () => connections,
    end: () => {
      cut();
      relay.close();
    },
  };
}

function recorded(stream) {
  const [transcript, events] = [new Transcript(), []];
  stream.on("*", (event) => {
    transcript.apply(event);
    events.push(event);
  });
  return { transcript, events, texts: () => transcript.segments.map(({ text }) => text) };
}

test("a file is read to its end", options, async () => {
  const samples = noise(72_345);
  const stream = new Stream(url, { preset: "tone", pace: "file" });
  const { transcript, texts } = recorded(stream);
  const ready = await stream.open();
  assert.deepEqual([ready.preset, ready.backend], ["tone", "tone"]);
  for (let at = 0; at < samples.length; at += 5000) {
    stream.send(samples.subarray(at, at + 5000));
    await stream.drained();
  }
  const done = await stream.finish();
  assert.equal(done.seconds, samples.length / 16_000);
  assert.deepEqual(texts(), expected(samples));
  assert.deepEqual([transcript.partial, transcript.end, stream.state], [null, 4.522, "closed"]);
});

test("no sample is lost or doubled when connections break", options, async () => {
  const broken = await network();
  const samples = noise(160_000);
  const stream = new Stream(broken.url, { preset: "tone" });
  const { transcript, events, texts } = recorded(stream);
  await stream.open();
  const reach = (position) => new Promise((reached) => stream.on("segment", () => transcript.end >= position && reached()));
  let at = 0;
  const send = (until) => {
    for (; at < until; at += 800) stream.send(samples.subarray(at, at + 800));
  };
  // Before the first segment, between two of them, and while the last words are awaited.
  send(8_000);
  broken.cut();
  send(40_000);
  await reach(2);
  broken.cut();
  send(90_000);
  await reach(5);
  send(160_000);
  broken.cut();
  const done = await stream.finish();
  broken.end();
  assert.deepEqual(texts(), expected(samples));
  assert.deepEqual([done.seconds, transcript.end, transcript.gaps], [10, 10, []]);
  assert.equal(events.filter(({ type }) => type === "lost").length, 3);
  assert.equal(events.filter(({ type }) => type === "resumed").length, 3);
  assert.equal(broken.count(), 4);
  const starts = transcript.segments.map(({ start }) => start);
  assert.deepEqual(starts, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("what could not be kept is told as a gap", options, async () => {
  const broken = await network();
  const samples = noise(160_000);
  const stream = new Stream(broken.url, { preset: "tone", keepSeconds: 2 });
  const { transcript, events, texts } = recorded(stream);
  await stream.open();
  broken.cut();
  await new Promise((lost) => stream.on("lost", lost));
  for (let at = 0; at < samples.length; at += 1600) stream.send(samples.subarray(at, at + 1600));
  await stream.finish();
  broken.end();
  assert.deepEqual(transcript.gaps, [{ start: 0, end: 8 }]);
  assert.deepEqual(texts(), expected(samples.subarray(128_000)));
  assert.equal(transcript.segments[0].start, 8);
  assert.deepEqual(events.find(({ type }) => type === "resumed").lost, { start: 0, end: 8 });
});

test("a gap is told once, however often connections break", options, async () => {
  const broken = await network();
  const stream = new Stream(broken.url, { preset: "tone", keepSeconds: 0.5 });
  const { transcript, events, texts } = recorded(stream);
  const next = (type) => new Promise((come) => stream.on(type, come));
  await stream.open();
  let lost = next("lost");
  broken.cut();
  await lost;
  const resumed = next("resumed");
  for (let at = 0; at < 32_000; at += 800) stream.send(new Int16Array(800));
  await resumed;
  lost = next("lost");
  broken.cut();
  await lost;
  await stream.finish();
  broken.end();
  assert.deepEqual(transcript.gaps, [{ start: 0, end: 1.5 }]);
  const [first, second] = events.filter(({ type }) => type === "resumed");
  assert.deepEqual([first.from, first.lost.end, second.lost], [1.5, 1.5, null]);
  // The server has some of it, or all.
  assert.ok(second.from >= 1.5 && second.from <= 2);
  assert.deepEqual(texts(), ["8000:00000000"]);
});

test("a flush ends the text, and a reset begins again", options, async () => {
  const samples = noise(40_000);
  const stream = new Stream(url, { preset: "tone" });
  const { events, texts } = recorded(stream);
  await stream.open();
  stream.send(samples.subarray(0, 24_000));
  assert.deepEqual(await stream.flush(), { type: "flushed", seq: events.at(-1).seq, sample: 24_000 });
  assert.deepEqual([texts(), events.at(-1).type], [expected(samples.subarray(0, 24_000)), "flushed"]);
  stream.send(samples.subarray(0, 8_000));
  const flushing = stream.flush();
  stream.reset();
  await assert.rejects(flushing, { code: "reset" });
  stream.send(samples);
  const done = await stream.finish();
  assert.equal(done.seconds, 2.5);
  assert.deepEqual(texts().slice(2), expected(samples));
  assert.deepEqual(events.filter(({ type }) => type === "ready").map(({ epoch }) => epoch), [0, 1]);
  await assert.rejects(stream.flush(), { code: "closed" });
});

test("flushes and resets keep their place when connections break", options, async () => {
  const broken = await network();
  const samples = noise(96_000);
  const stream = new Stream(broken.url, { preset: "tone" });
  const { events, texts } = recorded(stream);
  const lost = () => new Promise((come) => stream.on("lost", come));
  await stream.open();
  const flushed = [];
  for (let at = 0; at < 48_000; at += 8_000) {
    stream.send(samples.subarray(at, at + 8_000));
    // Before the flush or after it, or before its answer.
    if (at % 24_000 === 0) broken.cut();
    const flushing = stream.flush();
    if (at % 24_000 === 8_000) broken.cut();
    flushed.push((await flushing).sample);
  }
  const pieces = (from, to) => Array.from({ length: (to - from) / 8_000 }, (_, n) => expected(samples.subarray(from + n * 8_000, from + (n + 1) * 8_000))[0]);
  assert.deepEqual(flushed, [8_000, 16_000, 24_000, 32_000, 40_000, 48_000]);
  assert.deepEqual(texts(), pieces(0, 48_000));
  const away = lost();
  broken.cut();
  await away;
  stream.send(samples.subarray(0, 999));
  stream.reset();
  stream.send(samples.subarray(48_000));
  await stream.finish();
  broken.end();
  assert.deepEqual(texts().slice(6), expected(samples.subarray(48_000)));
  assert.equal(events.findLast(({ type }) => type === "segment").start, 2);
  assert.equal(events.findLast(({ type }) => type === "ready").epoch, 1);
});

test("a refusal is not tried again", options, async () => {
  const stream = new Stream(url, { preset: "absent" });
  const { events } = recorded(stream);
  await assert.rejects(stream.open(), (failure) => failure instanceof Failure && failure.code === "unknown_preset");
  assert.equal(stream.state, "closed");
  assert.deepEqual(events.map(({ type }) => type).filter((type) => type !== "state"), ["error"]);
  await assert.rejects(stream.finish(), Failure);
});

test("a server that is not there is told at once, one that goes away later", options, async () => {
  const broken = await network();
  broken.end();
  await assert.rejects(new Stream(broken.url, { preset: "tone" }).open(), { code: "unreachable" });
  const leaving = await network();
  const stream = new Stream(leaving.url, { preset: "tone", giveUpSeconds: 0.5 });
  await stream.open();
  const failed = new Promise((failed) => stream.on("error", failed));
  leaving.end();
  assert.equal((await failed).code, "unreachable");
});

test("a stream that is closed ends at once", options, async () => {
  const stream = new Stream(url, { preset: "tone" });
  await stream.open();
  stream.close();
  await assert.rejects(stream.finish(), { code: "closed" });
});
