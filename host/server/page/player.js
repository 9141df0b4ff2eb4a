// Plays what was said: the file, or what was recorded.
//
// Invariant: at most one object URL exists, so that no old recording stays in memory.

import { wav } from "./client/index.js";
import { $ } from "./dom.js";

export class Player {
  #audio = $("audio");
  #url = null;
  /** Seconds before the first sample of the recording that are not kept. */
  #offset = 0;

  /** Calls a function with the time that is played. */
  onTime(listener) {
    this.#audio.addEventListener("timeupdate", () => listener(this.#audio.currentTime + this.#offset));
  }

  /** Has a file, or nothing. */
  file(file) {
    this.#set(file, 0);
  }

  /** Has a recording: `KeptAudio` at a rate. */
  recording(kept, rate) {
    this.#set(new Blob(wav(kept.chunks(), rate), { type: "audio/wav" }), kept.start / rate);
  }

  #set(blob, offset) {
    this.#audio.pause();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = blob && URL.createObjectURL(blob);
    this.#offset = offset;
    if (this.#url) this.#audio.src = this.#url;
    else this.#audio.removeAttribute("src");
    $("playback").hidden = !this.#url;
  }

  get ready() {
    return this.#url !== null;
  }

  play(seconds) {
    if (!this.#url) return;
    this.#audio.currentTime = Math.max(0, seconds - this.#offset);
    // A browser that cannot play the file shows so itself.
    this.#audio.play().catch(() => {});
  }

  stop() {
    this.#audio.pause();
  }
}
