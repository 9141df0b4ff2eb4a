// Judges whether a microphone works, from how loud its audio is. It knows no clock: time is that of the audio.

/** Below this, a room is taken for silent. */
const QUIET = 10 ** (-50 / 20);
/** A working microphone always has some noise. Browsers add less than this to zeros. */
const NOTHING = 8 / 0x8000;
const DEAD_SECONDS = 3;
/** Seconds without anything above `QUIET`. */
const QUIET_SECONDS = 10;
/** Seconds of sound after which there should be words. */
const WORDLESS_SECONDS = 15;
/** Samples above this are clipped. */
const CLIPPED = 0.99;
const CLIPPED_SECONDS = 2;

export class Hearing {
  #zero = 0;
  #quiet = 0;
  #wordless = 0;
  #clipped = 0;

  /**
   * Takes the level of some seconds of audio. Returns what is wrong: `"dead"` (not even noise), `"quiet"`, `"loud"`,
   * `"wordless"` (sound, but no text), or null.
   */
  heard({ rms, peak }, seconds) {
    this.#zero = peak <= NOTHING ? this.#zero + seconds : 0;
    this.#quiet = rms < QUIET ? this.#quiet + seconds : 0;
    this.#wordless += rms < QUIET ? 0 : seconds;
    this.#clipped = Math.max(0, this.#clipped + (peak > CLIPPED ? seconds : -seconds / 2));
    if (this.#zero >= DEAD_SECONDS) return "dead";
    if (this.#quiet >= QUIET_SECONDS) return "quiet";
    if (this.#clipped >= CLIPPED_SECONDS) return "loud";
    return this.#wordless >= WORDLESS_SECONDS ? "wordless" : null;
  }

  /** There was text. */
  text() {
    this.#quiet = 0;
    this.#wordless = 0;
  }
}
