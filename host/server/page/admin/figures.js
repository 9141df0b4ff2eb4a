// What the server's answers mean: the numbers for the charts, and the cells of the tables. No document here.

import { words } from "./words.js";

const MEBIBYTE = 2 ** 20;
const ID = 8;

export const mebibytes = (bytes) => words.mebibytes(Math.round(bytes / MEBIBYTE));
export const seconds = (value) => words.seconds(value.toFixed(1));
export const percent = (share) => words.percent(Math.round(100 * share));

/** The beginning of a stream's id, which is enough for people. */
export const short = (id) => id.slice(0, ID);

/** The numbers for the charts; null where one is not known. */
export function numbers(status, streams) {
  const most = (values) => (values.length ? Math.max(...values) : null);
  // The workers of a model are counted under the preset that loaded it.
  const models = new Map();
  for (const { model, backend } of status.presets) {
    if (model) models.set(JSON.stringify([model.preset, backend]), model.memory_bytes);
  }
  const workers = [...models.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    streams: status.streams,
    lag: most(streams.filter(({ pace }) => pace === "live").map((stream) => stream.lag_seconds)) ?? 0,
    load: most(status.presets.map(({ load }) => load).filter((load) => load !== null)),
    memory: status.memory_bytes === null ? null : status.memory_bytes + workers,
  };
}

/** Whose a stream is: the key's name, or else the address. */
export function client({ key, address, dialect }) {
  const detail = [key && address, dialect].filter(Boolean).join(", ");
  return { text: key ?? address, detail };
}

/** The presets of `/v1/presets`, each with what `/v1/status` says of it. */
export function presets(listed, status) {
  const byName = new Map(status.presets.map((preset) => [preset.name, preset]));
  return listed.filter(({ name }) => byName.has(name)).map((preset) => ({ ...byName.get(preset.name), ...preset }));
}

export function presetState({ state, reason, warning, candidate, accepting }) {
  const detail = [
    reason,
    warning && words.warning(warning),
    // Its reason is the preset's, too.
    candidate && !reason && words.candidate(words.states[candidate.state], candidate.reason),
  ];
  const tone = state === "unavailable" ? "bad" : reason || warning || !accepting ? "warn" : state === "ready" ? "good" : "";
  return { text: words.states[state], detail: detail.filter(Boolean).join(" "), tone };
}

/** Where a preset's model runs, and what it needs. */
export function model({ name, model }) {
  if (!model) return { text: words.notLoaded };
  const text = model.workers ? words.workers(model.workers, mebibytes(model.memory_bytes)) : words.inServer;
  const detail = [model.preset !== name && words.shared(model.preset), model.restarts && words.restarts(model.restarts)];
  return { text, detail: detail.filter(Boolean).join("; "), tone: model.restarts ? "warn" : "" };
}

export function engineState({ state, reason }) {
  const tone = { registered: "good", quarantined: "bad", refused: "bad" }[state] ?? "";
  return { text: words.states[state], detail: reason, tone };
}

/** What a plugin claims to do and need; nothing if it claims nothing. */
export function claims({ claims }) {
  if (!claims) return "";
  const { can, languages, needs } = claims;
  const text = [...can, ...languages].join(", ") || words.plainText;
  const detail = needs.length ? words.needs(needs.map((need) => words.needed[need]).join(", ")) : words.needsNothing;
  return { text, detail, tone: needs.includes("no-sandbox") ? "warn" : "" };
}
