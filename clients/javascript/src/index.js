// A client of Auricle's native protocol, for browsers and Node.js. `index.d.ts` describes everything that is exported.

export { backoff } from "./backoff.js";
export { Failure } from "./failure.js";
export { Hearing } from "./hearing.js";
export { KeptAudio } from "./kept_audio.js";
export { LiveCaptions } from "./live_captions.js";
export { Microphone } from "./microphone.js";
export { level, mix, toPcm, wav } from "./pcm.js";
export { Stream } from "./stream.js";
export { toJson, toSrt, toText, toVtt } from "./subtitles.js";
export { Transcript } from "./transcript.js";
