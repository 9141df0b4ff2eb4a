// Turns an audio file into samples, with the decoders of the browser.

import { mix, toPcm } from "./client/index.js";

const RATE = 16_000;

/** The file as 16-bit samples of one channel at 16 kHz. Throws if this browser cannot decode it. */
export async function decode(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const audio = await context.decodeAudioData(await file.arrayBuffer());
  const channels = Array.from({ length: audio.numberOfChannels }, (_, n) => audio.getChannelData(n));
  return { samples: toPcm(mix(channels)), rate: RATE };
}
