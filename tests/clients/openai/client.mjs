// Does what client.py does, with OpenAI's JavaScript library.
//
//     node client.mjs URL KEY MODEL FILE

import fs from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

// The library is not beside this file, but in the folder that the tests install it into.
const library = createRequire(`${process.env.NODE_CLIENTS}/`).resolve("openai");
const { default: OpenAI } = await import(pathToFileURL(library.replace(/\.js$/, ".mjs")));

const [url, key, model, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: key, maxRetries: 0 });
const stranger = new OpenAI({ baseURL: url, apiKey: "unknown", maxRetries: 0 });

const create = (more = {}, by = client) =>
  by.audio.transcriptions.create({ file: fs.createReadStream(path), model, ...more });

async function all(pages) {
  const list = [];
  for await (const each of pages) list.push(each);
  return list;
}

async function refused(call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof OpenAI.APIError) || !error.status) throw error;
    return [error.constructor.name, error.status, error.code, error.param];
  }
  return null;
}

const verbose = { response_format: "verbose_json", timestamp_granularities: ["word", "segment"], language: "en" };
const told = {
  json: await create(),
  text: await create({ response_format: "text" }),
  srt: await create({ response_format: "srt" }),
  vtt: await create({ response_format: "vtt" }),
  verbose: await create(verbose),
  logprobs: await create({ include: ["logprobs"], temperature: 0.2 }),
  stream: await all(await create({ stream: true })),
  models: (await all(client.models.list())).map((each) => each.id),
  model: (await client.models.retrieve(model)).id,
  refused: {
    key: await refused(() => create({}, stranger)),
    model: await refused(() => create({ model: "absent" })),
    retrieve: await refused(() => client.models.retrieve("absent")),
    file: await refused(() => create({ file: fs.createReadStream(fileURLToPath(import.meta.url)) })),
    language: await refused(() => create({ language: "de" })),
    diarized: await refused(() => create({ response_format: "diarized_json" })),
    translation: await refused(() => client.audio.translations.create({ file: fs.createReadStream(path), model })),
  },
};
console.log(JSON.stringify(told));
