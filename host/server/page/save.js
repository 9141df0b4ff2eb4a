// Copies the text, or saves it as a file.

import { toJson, toSrt, toText, toVtt } from "./client/index.js";
import { make } from "./dom.js";

const KINDS = {
  txt: ["text/plain", (transcript) => toText(transcript.segments)],
  srt: ["application/x-subrip", (transcript) => toSrt(transcript.segments)],
  vtt: ["text/vtt", (transcript) => toVtt(transcript.segments)],
  json: ["application/json", toJson],
};

/** Saves the transcript as `NAME.KIND`. */
export function save(transcript, name, kind) {
  const [type, write] = KINDS[kind];
  const url = URL.createObjectURL(new Blob([write(transcript)], { type: `${type};charset=utf-8` }));
  make("a", { href: url, download: `${name}.${kind}` }).click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Copies the text. */
export async function copy(transcript) {
  const text = toText(transcript.segments);
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // On pages that are not secure there is only this.
  const area = make("textarea", { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}
