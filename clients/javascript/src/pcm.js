// Samples: 32-bit floats as browsers have them, 16-bit integers as they are sent. Nothing here keeps state.

/** Floats from -1 to 1 as 16-bit integers. Louder samples are clipped; NaN becomes silence. */
export function toPcm(samples) {
  const pcm = new Int16Array(samples.length);
  for (let n = 0; n < samples.length; n += 1) {
    const sample = Math.max(-1, Math.min(1, samples[n]));
    pcm[n] = Math.round(sample * (sample < 0 ? 0x8000 : 0x7fff));
  }
  return pcm;
}

/** The mean of several channels of the same length. */
export function mix(channels) {
  if (channels.length === 1) return channels[0];
  const mixed = new Float32Array(channels[0]?.length ?? 0);
  for (const channel of channels) {
    for (let n = 0; n < mixed.length; n += 1) mixed[n] += channel[n] / channels.length;
  }
  return mixed;
}

/** How loud 16-bit samples are: the root of the mean square and the largest sample, both from 0 to 1. */
export function level(pcm) {
  let [squares, peak] = [0, 0];
  for (const sample of pcm) {
    squares += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  return { rms: pcm.length ? Math.sqrt(squares / pcm.length) / 0x8000 : 0, peak: peak / 0x8000 };
}

/** A WAV file with one channel, as a list of parts for a `Blob`. `chunks` are arrays of 16-bit samples. */
export function wav(chunks, rate) {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const header = new DataView(new ArrayBuffer(44));
  const name = (at, text) => [...text].forEach((letter, n) => header.setUint8(at + n, letter.charCodeAt(0)));
  name(0, "RIFF");
  header.setUint32(4, 36 + bytes, true);
  name(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, rate * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  name(36, "data");
  header.setUint32(40, bytes, true);
  return [header.buffer, ...chunks];
}
