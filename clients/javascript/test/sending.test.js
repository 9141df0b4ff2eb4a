// What is sent over each connection, without a network: commands keep their place, and nothing is sent twice that was answered.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Sending } from "../src/sending.js";

const START = { type: "start", preset: "tone", options: {}, format: "s16le", sample_rate: 16_000, pace: "live" };
const ready = (more) => ({ type: "ready", seq: 0, epoch: 0, stream: "s", resume: { token: "t0" }, ...more });
const resumed = (more) => ({ received: 0, flushes: 0, finished: false, epoch: 0, missed: 0, resume: { token: "t1" }, ...more });
const audio = (length) => new Int16Array(length);

/** Texts by their types, audio by its length. */
function taken(sending) {
  const shown = (message) => (typeof message === "string" ? JSON.parse(message).type : message.length);
  return [...sending.take()].map(shown);
}

/** A stream whose first connection is open. */
function opened({ keep = Infinity, resume } = {}) {
  const sending = new Sending(START, keep);
  sending.connected(false);
  taken(sending);
  sending.opened(ready(resume === false ? { resume: undefined } : {}));
  return sending;
}

test("commands keep their place in the audio, and messages are small", () => {
  const sending = new Sending(START, Infinity);
  assert.deepEqual(taken(sending), []);
  sending.push(audio(20_000));
  sending.command("flush");
  sending.push(audio(100));
  sending.command("finish");
  sending.connected(false);
  assert.equal(sending.waitingBytes, 40_200);
  assert.deepEqual(taken(sending), ["start", 16_384, 3_616, "flush", 100, "finish"]);
  assert.deepEqual(taken(sending), []);
});

test("a new stream gets the audio without final text, and what was not answered", () => {
  const sending = opened({ resume: false });
  sending.push(audio(32_000));
  sending.command("flush");
  sending.push(audio(8_000));
  sending.command("flush");
  taken(sending);
  sending.textReached(1.5);
  assert.equal(sending.flushed(32_000, 16_000), 32_000);
  sending.disconnected();
  sending.command("finish");
  sending.connected(false);
  assert.equal(sending.origin, 2);
  assert.deepEqual(taken(sending), ["start", 8_000, "flush", "finish"]);
  // The server counts in its rate, from where its stream begins.
  assert.equal(sending.flushed(24_000, 48_000), 40_000);
});

test("a stream is resumed with what the server lacks", () => {
  const sending = opened();
  sending.push(audio(10_000));
  sending.command("flush");
  sending.push(audio(10_000));
  sending.command("flush");
  taken(sending);
  sending.disconnected();
  sending.command("finish");
  sending.connected(false);
  assert.deepEqual(JSON.parse([...sending.take()][0]), { type: "resume", stream: "s", token: "t0", last_seq: 0 });
  sending.push(audio(5));
  assert.deepEqual([sending.isResuming, taken(sending)], [true, []]);
  assert.equal(sending.resumed(resumed({ received: 12_000, flushes: 1 })), 0.75);
  assert.deepEqual(taken(sending), [8_000, "flush", "finish", 5]);
  sending.disconnected();
  sending.connected(false);
  assert.equal(JSON.parse([...sending.take()][0]).token, "t1");
  sending.resumed(resumed({ received: 20_000, flushes: 2, finished: true }));
  assert.deepEqual(taken(sending), [5]);
});

test("what is not kept any more cannot be resumed", () => {
  const sending = opened({ keep: 100 });
  taken(sending);
  sending.disconnected();
  for (let n = 0; n < 10; n += 1) sending.push(audio(100));
  sending.connected(false);
  assert.deepEqual(taken(sending), ["resume"]);
  assert.equal(sending.resumed(resumed({ received: 0 })), null);
  sending.beginsAgain();
  sending.disconnected();
  sending.connected(false);
  assert.deepEqual(taken(sending), ["start", 100]);
  assert.deepEqual(sending.takeGap(), { start: 0, end: 900 / 16_000 });
  assert.equal(sending.takeGap(), null);
});

test("messages count once, and the server is told now and then", () => {
  const sending = opened();
  for (let seq = 1; seq < 16; seq += 1) assert.equal(sending.arrived({ type: "partial", seq }), true);
  assert.deepEqual(taken(sending), []);
  sending.arrived({ type: "partial", seq: 16 });
  assert.equal(sending.arrived({ type: "partial", seq: 16 }), false);
  assert.deepEqual(taken(sending), ["ack"]);
  assert.deepEqual(taken(sending), []);
});

test("a server that stores the stream gets what it needs when it has died", () => {
  const sending = new Sending(START, Infinity);
  sending.connected(false);
  taken(sending);
  sending.opened(ready({ resume: { token: "t0", survives: "process" } }));
  for (let n = 0; n < 8; n += 1) sending.push(audio(8_000));
  taken(sending);
  for (const message of [{ type: "speech_started", seq: 1, time: 0.1 }, { type: "segment", seq: 2, end: 3, text: "a" }]) sending.arrived(message);
  sending.textReached(3);
  // Final text is not enough: the engine goes on from further back.
  const ack = { type: "ack", epoch: 0, received: 64_000 };
  sending.heard({ ...ack, durable: 16_000, survives: "process" });
  assert.deepEqual([...sending.take()].map((message) => JSON.parse(message)), [{ type: "ack", seq: 2 }]);
  sending.disconnected();
  sending.connected(false);
  const told = { epoch: 0, flushes: 0, events: 2, text_end: 3, text: "a", event_time: 0.1 };
  assert.deepEqual([...sending.take()].map((message) => JSON.parse(message)), [
    { type: "resume", stream: "s", token: "t0", last_seq: 2, told },
  ]);
  assert.equal(sending.resumed(resumed({ received: 16_000, seam: "lossless" })), 1);
  assert.deepEqual(taken(sending), [8_000, 8_000, 8_000, 8_000, 8_000, 8_000]);
  // It stores nothing any more: what has final text is let go.
  sending.heard({ ...ack, epoch: 1, durable: 0 });
  sending.heard({ ...ack, durable: 40_000 });
  sending.beginsAgain();
  sending.disconnected();
  sending.connected(false);
  assert.deepEqual(taken(sending), ["start", 8_000, 8_000]);
  assert.equal(sending.origin, 3);
});

test("a reset discards, and what was said about it is not heard", () => {
  const sending = opened();
  sending.push(audio(16_000));
  sending.command("flush");
  taken(sending);
  sending.textReached(0.5);
  sending.reset();
  assert.deepEqual(taken(sending), ["reset"]);
  sending.push(audio(9));
  sending.reset();
  sending.reset();
  sending.push(audio(7));
  assert.deepEqual(taken(sending), ["reset", 7]);
  assert.deepEqual([sending.isResetting, sending.seconds, sending.origin], [true, 7 / 16_000, 0]);
  sending.opened(ready({ epoch: 1 }));
  assert.equal(sending.isResetting, true);
  sending.opened(ready({ epoch: 2 }));
  assert.equal(sending.isResetting, false);
  // The server's stream is the same.
  sending.disconnected();
  sending.connected(false);
  assert.deepEqual(taken(sending), ["resume"]);
  sending.resumed(resumed({ received: 7, epoch: 2 }));
  assert.deepEqual([sending.isResetting, taken(sending)], [false, []]);
});

test("a reset that the server may not have heard begins a new stream", () => {
  const away = opened();
  away.push(audio(16_000));
  away.disconnected();
  away.reset();
  const unanswered = opened();
  unanswered.reset();
  taken(unanswered);
  unanswered.disconnected();
  for (const sending of [away, unanswered]) {
    sending.push(audio(7));
    sending.connected(false);
    assert.deepEqual([taken(sending), sending.isResetting], [["start", 7], false]);
  }
  const resuming = opened();
  resuming.disconnected();
  resuming.connected(false);
  taken(resuming);
  resuming.reset();
  assert.equal(resuming.isUseless, true);
});

test("a connection that carries the audio gets commands only", () => {
  const sending = new Sending(START, Infinity);
  sending.push(audio(8_000));
  sending.connected(true);
  sending.push(audio(16_000));
  sending.command("flush");
  assert.deepEqual([taken(sending), sending.origin], [["flush"], 0.5]);
  sending.textReached(1.5);
  sending.disconnected();
  sending.connected(false);
  assert.deepEqual(taken(sending), ["start", "flush"]);
});
