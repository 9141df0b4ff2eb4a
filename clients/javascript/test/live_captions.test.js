// Captions with a real server and its preset `tone`. Node.js has no microphone: one of the test gives samples.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveCaptions } from "../src/index.js";

const url = process.env.AURICLE_URL;
const options = { skip: url ? false : "AURICLE_URL is not set" };

/** Microphones that the test holds; each counts as on until it is stopped. */
function studio() {
  const room = { on: 0, given: [], refuse: null, wait: null };
  room.Microphone = {
    async open(given) {
      await room.wait;
      if (room.refuse) throw Object.assign(new Error(), { name: room.refuse });
      room.given.push(given);
      room.on += 1;
      let stopped = false;
      const stop = () => {
        room.on -= stopped ? 0 : 1;
        stopped = true;
      };
      return { rate: 16_000, stop };
    },
  };
  room.speak = (samples) => room.given.at(-1).onSamples(new Int16Array(samples));
  return room;
}

function made(room, settings = {}) {
  const states = [];
  const captions = new LiveCaptions({
    server: url,
    preset: "tone",
    Microphone: room.Microphone,
    onChange: () => states.at(-1) !== captions.state && states.push(captions.state),
    ...settings,
  });
  return { captions, states };
}

test("a microphone becomes text, more than once", options, async () => {
  const room = studio();
  const events = [];
  const { captions, states } = made(room, { onEvent: ({ type }) => events.push(type) });
  for (const seconds of [2, 1]) {
    await captions.start();
    assert.deepEqual([captions.state, room.on], ["listening", 1]);
    room.speak(seconds * 16_000);
    await captions.stop();
    assert.deepEqual([captions.state, captions.problem, room.on], ["idle", "", 0]);
    assert.deepEqual(captions.transcript.segments.map(({ text }) => text), Array(seconds).fill("16000:00000000"));
  }
  assert.deepEqual(states, ["starting", "listening", "stopping", "idle", "starting", "listening", "stopping", "idle"]);
  assert.ok(events.includes("segment") && events.includes("done"));
});

test("what goes wrong is told, and the microphone is off", options, async () => {
  const room = studio();
  for (const [refuse, words] of [["NotAllowedError", "may not use"], ["SecurityError", "https://"], ["AbortError", "cannot be opened"]]) {
    room.refuse = refuse;
    const { captions } = made(room);
    await captions.start();
    assert.ok(captions.problem.includes(words), captions.problem);
    assert.deepEqual([captions.state, room.on], ["idle", 0]);
  }
  room.refuse = null;
  const absent = made(room, { preset: "absent" }).captions;
  await absent.start();
  assert.ok(absent.problem.includes("there is no preset"), absent.problem);
  const gone = made(room, { server: "http://127.0.0.1:9" }).captions;
  await gone.start();
  assert.ok(gone.problem.includes("does not answer"), gone.problem);
  assert.deepEqual([absent.state, gone.state, room.on], ["idle", "idle", 0]);
});

test("a microphone that is removed ends the recording with its text", options, async () => {
  const room = studio();
  const idle = {};
  idle.promise = new Promise((resolve) => Object.assign(idle, { resolve }));
  const { captions } = made(room, { onEvent: ({ type }) => type === "done" && idle.resolve() });
  await captions.start();
  room.speak(8_000);
  room.given[0].onEnd();
  await idle.promise;
  assert.deepEqual(captions.transcript.segments.map(({ text }) => text), ["8000:00000000"]);
  assert.deepEqual([captions.problem, room.on], ["The microphone was removed.", 0]);
});

test("a stop while the browser asks for permission wins", options, async () => {
  const room = studio();
  let permit;
  room.wait = new Promise((resolve) => (permit = resolve));
  const { captions } = made(room);
  const started = captions.start();
  await captions.stop();
  permit();
  await started;
  assert.deepEqual([captions.state, room.on, captions.problem], ["idle", 0, ""]);
});

test("closing ends everything at once", options, async () => {
  const room = studio();
  const { captions } = made(room);
  await captions.start();
  captions.close();
  assert.deepEqual([captions.state, room.on], ["idle", 0]);
  await captions.start();
  assert.equal(captions.state, "listening");
  captions.close();
});
