// Does what recording.py does, with the published client of npm `@deepgram/sdk`.
//
//     node recording.mjs HOST:PORT KEY FILE OPTIONS

import fs from "node:fs";
import { createRequire } from "node:module";

// The library is not beside this file, but in the folder that the tests install it into.
const { DeepgramClient } = createRequire(`${process.env.NODE_CLIENTS}/`)("@deepgram/sdk");

const [host, key, path, given] = process.argv.slice(2);
const options = JSON.parse(given);
const [web, live] = [`http://${host}`, `ws://${host}`];
const environment = { base: web, production: live, agent: live, agentRest: web };
const media = new DeepgramClient({ apiKey: key, environment }).listen.v1.media;
const once = { maxRetries: 0 };
try {
  const told = options.url
    ? await media.transcribeUrl(options, once)
    : await media.transcribeFile(fs.createReadStream(path), options, once);
  console.log(JSON.stringify(told));
} catch (error) {
  if (!error.statusCode) throw error;
  console.log(JSON.stringify({ status: error.statusCode, error: error.body }));
}
