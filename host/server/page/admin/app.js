// The page for operators: reads what the server says of itself every two seconds, and ends streams and quarantines.
//
// Invariant: nothing is asked while nobody looks, or while a key is missing; one round of questions at a time.

import { $, clock, fillWords, make, say } from "/page/dom.js";
import { Server } from "/page/server.js";
import { Chart } from "./chart.js";
import { claims, client, engineState, mebibytes, model, numbers, percent, presets, presetState, seconds, short } from "./figures.js";
import { Table } from "./table.js";
import { words } from "./words.js";

const LOOK_EVERY = 2_000;

fillWords(words);
const server = new Server();
const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });

const charts = {
  streams: new Chart(words.chartStreams, 4, String),
  lag: new Chart(words.chartLag, 2, seconds),
  load: new Chart(words.chartLoad, 1, percent),
  memory: new Chart(words.chartMemory, 2 ** 20, mebibytes),
};
$("charts").append(...Object.values(charts).map(({ element }) => element));

const tables = {
  streams: table("streams", words.streamsNone, [
    { name: words.stream, cell: ({ stream }) => ({ text: short(stream), title: stream }) },
    { name: words.preset, cell: ({ preset, backend }) => ({ text: preset, detail: backend }) },
    { name: words.client, cell: client },
    { name: words.pace, cell: ({ pace }) => words[pace] },
    { name: words.open, cell: (stream) => clock(stream.open_seconds) },
    { name: words.audio, cell: (stream) => clock(stream.audio_seconds) },
    { name: words.lag, cell: ({ lag_seconds: lag }) => ({ text: seconds(lag), tone: lag >= 1 ? "warn" : "" }) },
    {
      name: words.end,
      cell: (stream) => ({ text: words.end, title: words.endStream(short(stream.stream)), press: () => end(stream) }),
    },
  ]),
  models: table("models", words.modelsNone, [
    { name: words.preset, cell: ({ name, title }) => ({ text: name, detail: title === name ? "" : title }) },
    { name: words.engine, cell: ({ backend }) => backend },
    { name: words.state, cell: presetState },
    { name: words.count, cell: (of) => (of.max_streams === null ? String(of.streams) : words.of(of.streams, of.max_streams)) },
    { name: words.load, cell: ({ load }) => (load === null ? "" : { text: percent(load), tone: load > 0.9 ? "warn" : "" }) },
    { name: words.lag, cell: ({ lag_seconds: lag }) => ({ text: seconds(lag), tone: lag >= 1 ? "warn" : "" }) },
    { name: words.room, cell: ({ room }) => ({ text: String(room), tone: room ? "" : "warn" }) },
    { name: words.model, cell: model },
  ]),
  engines: table("engines", words.enginesNone, [
    { name: words.fileName, cell: ({ file }) => file, wide: true },
    { name: words.state, cell: engineState },
    { name: words.plugin, cell: ({ plugin, version }) => (plugin ? { text: plugin, detail: version } : "") },
    { name: words.backends, cell: ({ backends, stages }) => [...backends, ...stages].join(", ") },
    { name: words.claims, cell: claims },
    {
      name: words.release,
      cell: ({ file, state }) =>
        state === "quarantined" ? { text: words.release, title: words.releaseFile(file), press: () => release(file) } : "",
    },
  ]),
  failures: table("failures", words.failuresNone, [
    { name: words.time, cell: ({ time }) => when.format(new Date(time)) },
    { name: words.code, cell: ({ code, count }) => ({ text: code, detail: count > 1 ? words.times(count) : "" }) },
    { name: words.message, cell: ({ message }) => message, wide: true },
    { name: words.preset, cell: ({ preset }) => preset },
    { name: words.client, cell: client },
    { name: words.stream, cell: ({ stream }) => ({ text: short(stream), title: stream }) },
  ]),
};

function table(id, none, columns) {
  return new Table($(id), $(`${id}-title`), columns, none);
}

/** Shows a problem, or none. */
function problem(name, detail = "") {
  const place = $("problem");
  const shown = name ? JSON.stringify([name, detail]) : "";
  if ((place.dataset.shown ?? "") === shown) return;
  place.dataset.shown = shown;
  if (!name) {
    place.replaceChildren();
    return;
  }
  const [title, remedy] = words.problems[name];
  const parts = [make("strong", { textContent: title })];
  if (remedy) parts.push(make("p", { textContent: remedy }));
  if (detail) parts.push(make("p", { className: "detail", textContent: detail, dir: "auto" }));
  place.replaceChildren(make("div", { className: "card problem" }, ...parts));
}

/** Asks for a key, and shows nothing until there is one. */
function askForKey() {
  $("key-form").hidden = false;
  $("all").hidden = true;
  $("forget-key").hidden = true;
  say($("state"), "");
  say($("said"), "");
  $("key").focus();
}

/** Reads everything and shows it. Returns whether to go on: not before another key is typed. */
async function look() {
  const paths = ["status", "streams", "engines", "presets", "failures"];
  try {
    const answers = await Promise.all(paths.map((path) => server.read(`/v1/${path}`)));
    show(Object.fromEntries(paths.map((path, n) => [path, answers[n]])));
    problem(null);
    return true;
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) {
      for (const chart of Object.values(charts)) chart.add(Date.now() / 1000, null);
      problem("noServer");
      return true;
    }
    if (server.key || error.status === 403) problem(error.status === 401 ? "unauthorized" : "notOperator");
    server.key = undefined;
    askForKey();
    return false;
  }
}

function show({ status, streams: { streams }, engines: { files }, presets: { presets: listed }, failures: { failures } }) {
  $("all").hidden = false;
  $("forget-key").hidden = !server.key;
  say($("state"), words.server(words.states[status.state], status.version, status.connections));
  for (const [name, value] of Object.entries(numbers(status, streams))) charts[name].add(Date.now() / 1000, value);
  tables.streams.show(streams, ({ stream }) => stream);
  tables.models.show(presets(listed, status), ({ name }) => name);
  tables.engines.show(files, ({ file }) => file);
  tables.failures.show(failures, ({ stream, code }) => `${stream} ${code}`);
}

/** Has the server do something; says what became of it. */
async function act(path, done, before) {
  try {
    await server.act(path);
    problem(null);
    say($("said"), done);
  } catch (error) {
    if (error.status === 404) say($("said"), before);
    else if (error.status === 403) problem("pageRefused", `origins = ["${location.origin}"]`);
    else problem(error.status ? "failed" : "noServer", error.message);
  }
}

async function end({ stream, preset }) {
  const dialog = $("ending");
  say($("ending-title"), words.ending(short(stream), preset));
  dialog.returnValue = "keep";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  if (dialog.returnValue !== "end") return;
  await act(`/v1/streams/${stream}/end`, words.ended(short(stream)), words.endedBefore(short(stream)));
}

async function release(file) {
  await act(`/v1/engines/${encodeURIComponent(file)}/release`, words.released(file), words.releasedBefore(file));
}

/** The one round that runs; null while the page waits for a key or for somebody to look. */
let round = null;

async function watch() {
  if (round || !$("key-form").hidden) return;
  round = (async () => {
    while (!document.hidden && (await look())) await new Promise((later) => setTimeout(later, LOOK_EVERY));
  })();
  await round;
  round = null;
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  server.key = $("key").value.trim();
  $("key").value = "";
  $("key-form").hidden = true;
  watch();
});
$("forget-key").addEventListener("click", () => {
  server.key = undefined;
  location.reload();
});
addEventListener("visibilitychange", watch);
watch();
