// Audio that may be needed again, in order, with its position in the stream. Positions are samples from the start.
//
// Invariant: what is kept is contiguous and ends at `end`; it is never longer than `limit` samples by more than one chunk.

export class KeptAudio {
  #chunks = [];
  #limit;

  /** The position of the first sample that is kept. */
  start = 0;
  /** The position after the last sample. */
  end = 0;

  constructor(limit) {
    this.#limit = limit;
  }

  /** Appends samples. If there are too many, the oldest chunks are dropped. */
  push(samples) {
    this.#chunks.push(samples);
    this.end += samples.length;
    while (this.#chunks.length > 1 && this.end - this.start - this.#chunks[0].length >= this.#limit) this.#drop();
  }

  /** Drops whole chunks before a position. */
  release(position) {
    while (this.#chunks.length && this.start + this.#chunks[0].length <= position) this.#drop();
  }

  #drop() {
    this.start += this.#chunks.shift().length;
  }

  /** The samples from a position to the end, in chunks. What is not kept any more is missing. */
  *from(position) {
    // From the back, where most of them are.
    let [next, at] = [this.#chunks.length, this.end];
    while (next > 0 && at > position) {
      next -= 1;
      at -= this.#chunks[next].length;
    }
    const skipped = Math.max(0, position - at);
    if (next < this.#chunks.length) yield skipped ? this.#chunks[next].subarray(skipped) : this.#chunks[next];
    yield* this.#chunks.slice(next + 1);
  }

  /** Everything that is kept. */
  chunks() {
    return this.#chunks;
  }
}
