// Runs on a browser's audio thread: collects its short blocks and posts them about ten times a second.

class Recorder extends AudioWorkletProcessor {
  #channels = [];
  #filled = 0;
  #wanted = Math.round(sampleRate / 10);

  process([input]) {
    if (!input.length) return true;
    const block = input[0].length;
    if (this.#channels.length !== input.length) {
      this.#channels = input.map(() => new Float32Array(this.#wanted + block));
      this.#filled = 0;
    }
    input.forEach((samples, n) => this.#channels[n].set(samples, this.#filled));
    this.#filled += block;
    if (this.#filled >= this.#wanted) {
      this.port.postMessage(this.#channels.map((channel) => channel.slice(0, this.#filled)));
      this.#filled = 0;
    }
    return true;
  }
}

registerProcessor("auricle-recorder", Recorder);
