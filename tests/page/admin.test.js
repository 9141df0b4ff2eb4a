// The parts of the page for operators that know no document.

import assert from "node:assert/strict";
import { test } from "node:test";
import { claims, client, engineState, model, numbers, presets, presetState } from "../../host/server/page/admin/figures.js";
import { SECONDS, Series } from "../../host/server/page/admin/series.js";
import { words } from "../../host/server/page/admin/words.js";

const MIB = 2 ** 20;

function preset(more) {
  const usual = { name: "a", backend: "tone", state: "ready", accepting: true, reason: null, model: null, load: null, lag_seconds: 0 };
  return { ...usual, ...more };
}

test("a series forgets what is old, and its line has gaps where nothing is known", () => {
  const series = new Series();
  assert.deepEqual([series.now, series.most, series.line(100, 10, 1)], [null, null, ""]);
  for (let time = 0; time <= 3 * SECONDS; time += 2) series.add(time, time);
  assert.equal(series.length, SECONDS / 2 + 1);
  assert.deepEqual([series.now, series.most], [3 * SECONDS, 3 * SECONDS]);
  const line = (points) => {
    const some = new Series();
    for (const [time, value] of points) some.add(time, value);
    return some.line(600, 10, 10);
  };
  assert.equal(line([[0, 0], [10, 5], [20, 20]]), "M580 10h0L590 5L600 0");
  // The server did not answer.
  assert.equal(line([[0, 0], [2, null], [4, 10]]), "M596 10h0M600 0h0");
  // Nobody looked.
  assert.equal(line([[0, 0], [60, 10]]), "M540 10h0M600 0h0");
});

test("the numbers count the workers of a shared model once", () => {
  const shared = { id: 1, preset: "a", workers: 1, memory_bytes: 5 * MIB, restarts: 0 };
  const status = {
    streams: 3,
    memory_bytes: 10 * MIB,
    presets: [
      preset({ model: shared, load: 0.5 }),
      preset({ name: "b", model: shared, load: 0.5 }),
      preset({ name: "c", backend: "other", model: { ...shared, id: 2, preset: "c", memory_bytes: MIB } }),
    ],
  };
  const streams = [
    { pace: "live", lag_seconds: 0.5 },
    { pace: "live", lag_seconds: 2 },
    { pace: "file", lag_seconds: 9 },
  ];
  assert.deepEqual(numbers(status, streams), { streams: 3, lag: 2, load: 0.5, memory: 16 * MIB });
  assert.deepEqual(numbers({ ...status, memory_bytes: null, presets: [] }, []), { streams: 3, lag: 0, load: null, memory: null });
});

test("a preset is what both routes say of it", () => {
  const listed = [{ name: "a", title: "A" }, { name: "new", title: "" }];
  assert.deepEqual(presets(listed, { presets: [preset({ room: 4 })] }), [{ ...preset({ room: 4 }), title: "A" }]);
  const tone = (more) => presetState(preset({ warning: null, candidate: null, ...more }));
  assert.deepEqual(tone({}), { text: "ready", detail: "", tone: "good" });
  assert.deepEqual(tone({ state: "unavailable", reason: "r" }), { text: "unavailable", detail: "r", tone: "bad" });
  assert.equal(tone({ warning: "beem" }).detail, words.warning("beem"));
  assert.equal(tone({ candidate: { state: "waiting", reason: null } }).detail, words.candidate(words.states.waiting, null));
  assert.equal(tone({ accepting: false }).tone, "warn");
});

test("a model says where it runs and what it needs", () => {
  const loaded = { preset: "a", workers: 1, memory_bytes: 45.4 * MIB, restarts: 0 };
  assert.equal(model({ name: "a", model: null }).text, words.notLoaded);
  assert.deepEqual(model({ name: "a", model: loaded }), { text: "1 worker, 45\u00a0MiB", detail: "", tone: "" });
  assert.equal(model({ name: "b", model: { ...loaded, workers: 2 } }).text, "2 workers, 45\u00a0MiB");
  assert.equal(model({ name: "b", model: loaded }).detail, words.shared("a"));
  assert.equal(model({ name: "a", model: { ...loaded, restarts: 2 } }).detail, words.restarts(2));
  assert.equal(model({ name: "a", model: { ...loaded, workers: 0 } }).text, words.inServer);
});

test("an engine's claims are its abilities and what it needs", () => {
  const cell = (more) => claims({ claims: { can: [], languages: [], needs: [], ...more } });
  assert.equal(claims({ claims: null }), "");
  assert.deepEqual(cell({}), { text: words.plainText, detail: words.needsNothing, tone: "" });
  assert.equal(cell({ can: ["partials", "hotwords"], languages: ["en"] }).text, "partials, hotwords, en");
  for (const need of ["files", "network", "gpu", "no-sandbox"]) {
    assert.equal(cell({ needs: [need] }).detail, words.needs(words.needed[need]), need);
    assert.ok(words.needed[need], need);
  }
  assert.equal(cell({ needs: ["gpu", "no-sandbox"] }).tone, "warn");
});

test("every state and client has words", () => {
  for (const state of ["registered", "superseded", "refused", "quarantined", "not_a_plugin"]) {
    assert.ok(engineState({ state, reason: null }).text, state);
  }
  for (const state of ["idle", "loading", "ready", "unavailable", "waiting", "refused", "starting", "stopping"]) {
    assert.ok(words.states[state], state);
  }
  assert.deepEqual(client({ key: null, address: "::1" }), { text: "::1", detail: "" });
  assert.deepEqual(client({ key: "k", address: "::1", dialect: "vosk" }), { text: "k", detail: "::1, vosk" });
});
