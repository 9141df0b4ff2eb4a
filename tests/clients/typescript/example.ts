// A typed program with the client, installed from its package: it is compiled as strictly as possible, and run.
//
//     node example.js http://127.0.0.1:8770

import * as client from "auricle-client";
import { Failure, Stream, Transcript, toSrt, type Events, type StreamSettings, type Word } from "auricle-client";
import type { AuricleCaptions } from "auricle-client/captions.js";

declare const process: { argv: string[] };

/** Everything that is declared as a value. */
const declared: { [Name in keyof typeof client]: (typeof client)[Name] } = {
  backoff: client.backoff,
  Failure: client.Failure,
  Hearing: client.Hearing,
  KeptAudio: client.KeptAudio,
  level: client.level,
  LiveCaptions: client.LiveCaptions,
  Microphone: client.Microphone,
  mix: client.mix,
  Stream: client.Stream,
  toJson: client.toJson,
  toPcm: client.toPcm,
  toSrt: client.toSrt,
  toText: client.toText,
  toVtt: client.toVtt,
  Transcript: client.Transcript,
  wav: client.wav,
};
const names = (values: object): string => Object.keys(values).sort().join();
if (names(declared) !== names(client)) throw new Error(`declared: ${names(declared)}; exported: ${names(client)}`);

/** Everything that is declared of an object is there. */
function has<T extends object>(object: T, ...members: (keyof T)[]): void {
  for (const member of members) if (!(member in object)) throw new Error(`there is no ${String(member)}`);
}

const server: string = process.argv[2] ?? "";
const settings: StreamSettings = { preset: "tone", pace: "file", sampleRate: 16_000 };
const stream: Stream = new Stream(new URL(server), settings);
has(stream, "state", "seconds", "transport", "on", "open", "send", "drained", "replaceTrack", "flush", "reset", "finish", "retry", "close");

const transcript = new Transcript();
const said: string[] = [];
stream.on("*", (event: Events["*"]): void => void transcript.apply(event));
stream.on("segment", ({ text, words }): void => {
  const last: Word | undefined = words?.at(-1);
  said.push(last?.text ?? text);
});
// @ts-expect-error: there is no such event
stream.on("sentence", () => {});
// @ts-expect-error: samples are integers
const _wrong = (): void => stream.send(new Float32Array(1));
// @ts-expect-error: a preset is required
const _empty: StreamSettings = {};
const _labelled = (captions: AuricleCaptions): Promise<void> => captions.toggle();

const { epoch, separator } = await stream.open();
stream.send(new Int16Array(16_000));
await stream.drained();
const { sample } = await stream.flush();
stream.reset();
stream.send(new Int16Array(8_000));
const done: Events["done"] = await stream.finish();
const shown: string = toSrt(transcript.segments);
console.log(JSON.stringify({ epoch, separator, sample, seconds: done.seconds, said, lines: shown.split("\n").length }));

try {
  await new Stream(server, { preset: "absent" }).open();
} catch (failure: unknown) {
  if (failure instanceof Failure) console.log(failure.code);
}
