// The page: connects the parts. It is the only file that knows all of them.

import { copy, save } from "./save.js";
import { $, clock, fillWords, make, say } from "./dom.js";
import { Form } from "./form.js";
import { Player } from "./player.js";
import { Server } from "./server.js";
import { Session } from "./session.js";
import { View } from "./view.js";
import { words } from "./words.js";

const LOOK_EVERY = 10_000;

fillWords(words);
const server = new Server();
const player = new Player();
const view = new View({ onPlay: (seconds) => running() || player.play(seconds) });
const form = new Form({ onDevice: (device) => session?.change(device) });
let session = null;
let isSaved = true;
let ended = true;

function running() {
  return session !== null && !ended;
}

/** Shows a problem, or none. */
function problem(name, detail = "") {
  const place = $("problem");
  if (!name) {
    place.replaceChildren();
    return;
  }
  if (place.dataset.problem === name && place.childElementCount) return;
  place.dataset.problem = name;
  const [title, remedy] = words.problems[name];
  const parts = [make("strong", { textContent: title })];
  if (remedy) parts.push(make("p", { textContent: remedy }));
  if (name === "pageRefused") detail = `origins = ["${location.origin}"]`;
  if (detail) parts.push(make("p", { className: "detail", textContent: detail, dir: "auto" }));
  place.replaceChildren(make("div", { className: "card problem" }, ...parts));
  place.scrollIntoView({ block: "nearest" });
  if (name === "unauthorized") askForKey();
}

function askForKey() {
  server.key = undefined;
  $("key-form").hidden = false;
  $("key").focus();
}

/** Reads the presets again; the form is only changed by what is new. */
async function look() {
  try {
    form.presets = await server.presets();
    $("key-form").hidden = true;
    $("forget-key").hidden = !server.key;
    if (["noServer", "unauthorized"].includes($("problem").dataset.problem)) problem(null);
  } catch (error) {
    if (error.status !== 401) problem("noServer");
    else if (server.key) problem("unauthorized");
    else if ($("key-form").hidden) askForKey();
  }
  buttons();
}

function buttons() {
  const active = running();
  const stopping = active && $("record").dataset.state === "finishing";
  say($("record-text"), active ? (stopping ? words.finishing : words.stop) : words.start);
  $("record").classList.toggle("active", active);
  $("record").disabled = stopping || (!active && !form.preset);
  $("choose").disabled = active || !form.preset;
  $("preset").disabled = active;
  document.body.classList.toggle("running", active);
  const inputs = document.querySelectorAll(":is(#options, #language-field) :is(input, select, textarea)");
  for (const input of inputs) input.disabled = active;
  const empty = !session?.transcript.segments.length;
  for (const button of document.querySelectorAll("#save button")) button.disabled = empty;
}

function state(name) {
  say($("state"), words[name]);
  document.body.dataset.state = name;
  $("record").dataset.state = name === "stateFinishing" ? "finishing" : "";
}

/** What a session tells. */
const reports = {
  state: (name) => {
    state(name);
    buttons();
  },
  resumed: ({ from, away, lost }) => {
    const text = lost ? words.resumedLost(clock(lost.start), clock(lost.end)) : words.resumed(clock(from), words.seconds(away.toFixed(1)));
    say($("state"), text);
  },
  microphone: () => form.devices(),
  problem: ({ problem: name, detail }) => problem(name, detail),
  hearing: (wrong) => {
    if (wrong) problem(wrong);
    else if (["dead", "quiet", "loud", "wordless"].includes($("problem").dataset.problem)) problem(null);
  },
  level: ({ rms }) => {
    // From -60 dB to 0 dB.
    const part = Math.max(0, Math.min(1, 1 + (20 * Math.log10(Math.max(rms, 1e-6))) / 60));
    $("level-bar").style.transform = `scaleX(${part.toFixed(3)})`;
    $("level").setAttribute("aria-valuenow", Math.round(part * 100));
    say($("clock"), clock(session.seconds));
  },
  partial: () => view.partial(session.transcript.partial),
  segment: (segment) => {
    view.partial(null);
    view.segment(segment);
    isSaved = false;
    if (session.length) {
      $("progress").value = segment.end / session.length;
      say($("clock"), clock(segment.end));
    }
    buttons();
  },
  gap: (gap) => view.gap(gap),
  delay: (seconds) => say($("delay"), words.delay(seconds.toFixed(1))),
  transport: (name) => say($("transport"), name === "webrtc" ? words.webrtc : ""),
  lag: (seconds) => say($("lag"), seconds >= 1 ? words.lag(seconds.toFixed(0)) : ""),
  speed: (times) => say($("delay"), words.speed(times.toFixed(times < 10 ? 1 : 0))),
  ended: () => {
    ended = true;
    view.partial(null);
    state(session.transcript.segments.length ? "stateDone" : "stateIdle");
    say($("lag"), "");
    $("level-bar").style.transform = "scaleX(0)";
    $("progress").hidden = true;
    const { playable } = session;
    if (playable?.file) player.file(playable.file);
    else if (playable?.kept.end) player.recording(playable.kept, playable.rate);
    buttons();
    look();
  },
};

/** Whether the words on the page may go. */
async function mayDiscard() {
  if (isSaved) return true;
  const dialog = $("discard");
  dialog.returnValue = "keep";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return dialog.returnValue === "discard";
}

/** Starts a session, if the settings allow it. */
async function begin(isFile, start) {
  if (running() || !form.preset || !(await mayDiscard())) return;
  let options;
  try {
    ({ options } = form);
  } catch (error) {
    problem("failed", error.message);
    return;
  }
  problem(null);
  $("more").open = false;
  view.clear();
  player.file(null);
  isSaved = true;
  ended = false;
  for (const id of ["delay", "lag", "transport"]) say($(id), "");
  say($("clock"), clock(0));
  $("level").hidden = isFile;
  Object.assign($("progress"), { hidden: !isFile, value: 0 });
  const settings = { preset: form.preset, options, device: form.device };
  const current = new Session(server, settings, (name, detail) => {
    if (session === current) reports[name](detail);
  });
  session = current;
  buttons();
  await start(current);
}

const record = () => begin(false, (session) => session.record());
const read = (file) => begin(true, (session) => session.read(file));

$("record").addEventListener("click", () => (running() ? session.stop() : record()));
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  if (file) read(file);
  $("file").value = "";
});
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  server.key = $("key").value.trim();
  $("key").value = "";
  look();
});
$("forget-key").addEventListener("click", () => {
  server.key = undefined;
  form.presets = [];
  look();
});
$("copy").addEventListener("click", async () => {
  await copy(session.transcript);
  isSaved = true;
  say($("copy"), words.copied);
  setTimeout(() => say($("copy"), words.copy), 2000);
});
$("save").addEventListener("click", ({ target }) => {
  if (!target.dataset.save) return;
  save(session.transcript, `auricle-${new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-")}`, target.dataset.save);
  isSaved = true;
});

// A file may be dropped anywhere.
for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    $("drop").hidden = running();
  });
}
addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) $("drop").hidden = true;
});
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").hidden = true;
  const [file] = event.dataTransfer?.files ?? [];
  if (file) read(file);
});

addEventListener("online", () => session?.retry());
addEventListener("beforeunload", (event) => {
  if (running() || !isSaved) event.preventDefault();
});
navigator.mediaDevices?.addEventListener("devicechange", () => form.devices());
player.onTime((seconds) => view.playing(seconds));
setInterval(() => {
  if (!running() && !document.hidden) look();
}, LOOK_EVERY);

state("stateIdle");
form.devices();
look();
