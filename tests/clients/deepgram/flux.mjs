// Does what flux.py does, with the published client of npm `@deepgram/sdk`.
//
//     node flux.mjs waits HOST:PORT KEY WAV OPTIONS

import fs from "node:fs";
import { createRequire } from "node:module";

// The library is not beside this file, but in the folder that the tests install it into.
const { DeepgramClient } = createRequire(`${process.env.NODE_CLIENTS}/`)("@deepgram/sdk");

const [, host, key, path, options] = process.argv.slice(2);
const [web, live] = [`http://${host}`, `ws://${host}`];
const environment = { base: web, production: live, agent: live, agentRest: web };
const client = new DeepgramClient({ apiKey: key, environment });
const wav = fs.readFileSync(path);
const [rate, data] = [wav.readUInt32LE(24), wav.subarray(44)];

const { configure: thresholds, ...wanted } = JSON.parse(options);
const arguments_ = { encoding: "linear16", sample_rate: rate, reconnectAttempts: 0, ...wanted };
const connection = await client.listen.v2.connect(arguments_);
const messages = [];
const errors = [];
connection.on("message", (message) => messages.push(message));
connection.on("error", (error) => errors.push(String(error)));
const closed = new Promise((resolve) => connection.on("close", resolve));
connection.connect();
await connection.waitForOpen();
connection.sendConfigure({ type: "Configure", thresholds });
for (let at = 0; at < data.length; at += 3200) connection.sendMedia(data.subarray(at, at + 3200));
connection.sendForceEndTurn({ type: "ForceEndTurn" });
connection.sendCloseStream({ type: "CloseStream" });
await closed;
console.log(JSON.stringify({ messages, errors }));
process.exit(0);
