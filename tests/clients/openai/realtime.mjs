// Does what realtime.py does, with OpenAI's JavaScript library, which connects with TLS only; and with its form of the beta.
//
//     node realtime.mjs URL KEY MODEL FILE AUTHORITY

import fs from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The library is not beside this file, but in the folder that the tests install it into.
const require = createRequire(`${process.env.NODE_CLIENTS}/`);
const load = (name) => import(pathToFileURL(require.resolve(name).replace(/\.js$/, ".mjs")));
const { default: OpenAI } = await load("openai");
const { OpenAIRealtimeWS } = await load("openai/realtime/ws");
const { OpenAIRealtimeWS: BetaRealtimeWS } = await load("openai/beta/realtime/ws");

const [url, key, model, path, authority] = process.argv.slice(2);
const options = { ca: fs.readFileSync(authority) };
const RATE = 24_000;
const TRANSCRIPTION = "conversation.item.input_audio_transcription.";

// The samples at 24 kHz, the only rate of OpenAI's service.
function read() {
  const wav = fs.readFileSync(path);
  const [rate, data] = [wav.readUInt32LE(24), wav.subarray(44)];
  const count = Math.floor(data.length / 2);
  const sample = (at) => data.readInt16LE(2 * Math.min(at, count - 1));
  const made = Buffer.alloc(2 * Math.floor((count * RATE) / rate));
  for (let n = 0; n < made.length / 2; n++) {
    const place = (n * rate) / RATE;
    const at = Math.floor(place);
    made.writeInt16LE(Math.round(sample(at) + (sample(at + 1) - sample(at)) * (place - at)), 2 * n);
  }
  return made;
}

// A connection, and the events that it got.
function connect(Connection, apiKey = key) {
  const client = new OpenAI({ baseURL: url, apiKey, maxRetries: 0 });
  const connection = new Connection({ model, options }, client);
  const heard = { events: [], errors: [], wake: () => {}, connection };
  const note = (list) => (event) => {
    list.push(event);
    heard.wake();
  };
  connection.on("event", note(heard.events));
  connection.on("error", note(heard.errors));
  return heard;
}

async function until(heard, so) {
  while (!so()) await new Promise((resolve) => (heard.wake = resolve));
}

async function listen(Connection, update, audio, times) {
  const heard = connect(Connection);
  const { connection, events } = heard;
  await until(heard, () => events.length > 0 || heard.errors.length > 0);
  connection.send(update);
  for (let n = 0; n < times; n++) {
    for (let at = 0; at < audio.length; at += 9_600) {
      const piece = audio.subarray(at, at + 9_600).toString("base64");
      connection.send({ type: "input_audio_buffer.append", audio: piece });
    }
    connection.send({ type: "input_audio_buffer.commit" });
    // Its answer follows that of the commit.
    connection.send({ type: "input_audio_buffer.clear" });
    const of = (type) => events.filter((event) => event.type === type);
    await until(heard, () => {
      if (heard.errors.length > 0) throw heard.errors[0];
      const last = of("input_audio_buffer.committed").at(-1)?.item_id;
      const complete = of(TRANSCRIPTION + "completed").some((event) => event.item_id === last);
      return of("input_audio_buffer.cleared").length > n && complete;
    });
  }
  connection.close();
  return events;
}

function session(turn_detection) {
  const format = { type: "audio/pcm", rate: RATE };
  const input = { format, transcription: { model, language: "en" }, turn_detection };
  return { type: "session.update", session: { type: "transcription", audio: { input } } };
}

const beta = {
  type: "transcription_session.update",
  session: {
    input_audio_format: "pcm16",
    input_audio_transcription: { model, language: "en" },
    turn_detection: null,
    input_audio_noise_reduction: { type: "near_field" },
  },
};

async function error() {
  const heard = connect(OpenAIRealtimeWS);
  await until(heard, () => heard.events.length > 0);
  heard.connection.send({ type: "input_audio_buffer.commit", event_id: "mine" });
  heard.connection.send({ type: "input_audio_buffer.clear" });
  await until(heard, () => heard.events.at(-1).type === "input_audio_buffer.cleared");
  heard.connection.close();
  return heard.errors[0].error;
}

async function refused() {
  const heard = connect(OpenAIRealtimeWS, "unknown");
  await until(heard, () => heard.errors.length > 0);
  return Number(/\d{3}$/.exec(heard.errors[0].message)?.[0]);
}

const audio = read();
const longer = Buffer.concat([audio, Buffer.alloc(2 * 3 * RATE)]);
const told = {
  manual: await listen(OpenAIRealtimeWS, session(null), audio, 2),
  server: await listen(OpenAIRealtimeWS, session({ type: "server_vad", silence_duration_ms: 500 }), longer, 1),
  beta: await listen(BetaRealtimeWS, beta, audio, 1),
  error: await error(),
  refused: await refused(),
};
console.log(JSON.stringify(told));
process.exit(0);
