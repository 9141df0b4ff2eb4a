// What has been recognised: final segments, and the unstable text after them.
//
// Invariant: segments are in order and never change; `partial` is null unless there is text after the last segment.

export class Transcript {
  /** Final segments: `{ start, end, text, words?, confidence?, language? }`. */
  segments = [];
  /** The unstable text, or null. */
  partial = null;
  /** Audio that was not processed: `{ start, end }`. */
  gaps = [];
  /** Between the texts of segments. */
  separator = " ";

  /** Takes an event of a stream. Returns what changed: `"segment"`, `"partial"`, `"gap"` or null. */
  apply(event) {
    switch (event.type) {
      case "ready":
        this.separator = event.separator;
        return null;
      case "partial": {
        const { start, end, text, words, confidence, language } = event;
        this.partial = text ? { start, end, text, words, confidence, language } : null;
        return "partial";
      }
      case "segment": {
        const { start, end, text, words, confidence, language } = event;
        this.partial = null;
        this.segments.push({ start, end, text, words, confidence, language });
        return "segment";
      }
      case "gap":
        this.gaps.push({ start: event.start, end: event.end });
        return "gap";
      case "done":
        return this.clearPartial();
      default:
        return null;
    }
  }

  /** Forgets the unstable text, which the server will report again or not at all. */
  clearPartial() {
    if (!this.partial) return null;
    this.partial = null;
    return "partial";
  }

  /** The text of all segments. */
  get text() {
    return this.segments.map((segment) => segment.text).join(this.separator);
  }

  /** The position in seconds up to which the text is final. */
  get end() {
    return this.segments.at(-1)?.end ?? 0;
  }
}
