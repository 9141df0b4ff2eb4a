// A number over time, and the line that shows it. No document here.
//
// Invariant: what is older than `SECONDS` is forgotten.

/** How long a number is remembered. */
export const SECONDS = 600;
/** Seconds without a number, above which the line has a gap: nobody looked, or the server did not answer. */
const GAP = 15;

export class Series {
  #points = [];

  /** Takes a number at a time in seconds; null if it is not known. */
  add(time, value) {
    this.#points.push({ time, value });
    const first = this.#points.findIndex((point) => point.time >= time - SECONDS);
    this.#points.splice(0, first);
  }

  /** The last number; null if it is not known. */
  get now() {
    return this.#points.at(-1)?.value ?? null;
  }

  /** The greatest number; null if none is known. */
  get most() {
    const known = this.#points.map(({ value }) => value).filter((value) => value !== null);
    return known.length ? Math.max(...known) : null;
  }

  get length() {
    return this.#points.length;
  }

  /** The line as the `d` of an SVG path, in a box of this size whose top is `top`. It ends at the right, with the last number. */
  line(width, height, top) {
    const end = this.#points.at(-1)?.time ?? 0;
    let before = null;
    const parts = [];
    for (const { time, value } of this.#points) {
      if (value === null) {
        before = null;
        continue;
      }
      const x = width * (1 - (end - time) / SECONDS);
      const y = height * (1 - Math.min(1, value / top));
      const goesOn = before !== null && time - before <= GAP;
      // A number alone is a dot.
      parts.push(goesOn ? `L${round(x)} ${round(y)}` : `M${round(x)} ${round(y)}h0`);
      before = time;
    }
    return parts.join("");
  }
}

function round(number) {
  return Math.round(number * 10) / 10;
}
