// A microphone whose text is read while somebody speaks: a microphone, a stream and its transcript as one thing. It knows no
// document.
//
// Invariant: the microphone is on only while `state` is `starting`, `listening` or `lost`.

import { Microphone } from "./microphone.js";
import { Stream } from "./stream.js";
import { Transcript } from "./transcript.js";

/** What to say when a microphone does not open, by the names of the browser's errors. */
const MICROPHONE = {
  SecurityError: "Browsers give microphones to secure pages only: open this page with https://.",
  NotAllowedError: "This page may not use the microphone. Allow it in the browser.",
  NotFoundError: "There is no microphone.",
};
const MICROPHONE_FAILED = "The microphone cannot be opened. Another program may use it.";
const MICROPHONE_GONE = "The microphone was removed.";

/** What to say when a stream fails, by its code; of other codes the server's own words. */
const STREAM = {
  unreachable: "The server does not answer, or it does not list this page in its `origins`.",
  unauthorized: "The server requires a key, and does not know this one.",
  capacity: "All streams of the server are in use. Try again later.",
  overloaded: "The server is overloaded. Try again later.",
  shutting_down: "The server is stopping. Try again later.",
};

export class LiveCaptions {
  /** `idle`, `starting`, `listening`, `lost` (it connects again) or `stopping`. */
  state = "idle";
  /** What went wrong, for people; empty if nothing did. */
  problem = "";
  transcript = new Transcript();

  #settings;
  #microphone = null;
  #stream = null;
  /** Counts starts and stops: what was begun before the last of them is given up. */
  #turn = 0;

  /**
   * `settings` are `server` and those of `Stream`. `onChange` is called when something changed, `onEvent` with each event of
   * the stream.
   */
  constructor(settings) {
    this.#settings = { Microphone, Stream, onChange() {}, onEvent() {}, ...settings };
  }

  /** Opens the microphone and a stream. What was said before stays in the transcript until then. */
  async start() {
    if (this.state !== "idle") return;
    const { server, onChange: _change, onEvent: _event, Microphone, Stream, ...settings } = this.#settings;
    this.#turn += 1;
    const turn = this.#turn;
    this.#stream = null;
    this.problem = "";
    this.#become("starting");
    let microphone;
    try {
      microphone = await Microphone.open({
        onSamples: (samples) => turn === this.#turn && this.#stream?.send(samples),
        onEnd: () => turn === this.#turn && this.#fail(MICROPHONE_GONE),
      });
    } catch (error) {
      if (turn === this.#turn) this.#fail(MICROPHONE[error.name] ?? MICROPHONE_FAILED);
      return;
    }
    if (turn !== this.#turn) {
      microphone.stop();
      return;
    }
    this.#microphone = microphone;
    this.transcript = new Transcript();
    const stream = new Stream(server, { ...settings, sampleRate: microphone.rate });
    this.#stream = stream;
    stream.on("*", (event) => stream === this.#stream && this.#take(event));
    // A failure is an event too.
    await stream.open().catch(() => {});
  }

  /** Turns the microphone off. The text of what was said still comes. */
  async stop() {
    if (this.state === "idle" || this.state === "stopping") return;
    this.#turn += 1;
    this.#silence();
    if (!this.#stream) {
      this.#become("idle");
      return;
    }
    this.#become("stopping");
    await this.#stream.finish().catch(() => {});
  }

  /** Ends everything at once. */
  close() {
    this.#turn += 1;
    this.#silence();
    const stream = this.#stream;
    // Nobody listens any more.
    this.#stream = null;
    stream?.close();
    this.#become("idle");
  }

  #take(event) {
    this.transcript.apply(event);
    if (event.type === "state") this.#follow(event.state);
    if (event.type === "error") this.#fail(STREAM[event.code] ?? event.message);
    this.#settings.onEvent(event);
    this.#settings.onChange();
  }

  #follow(state) {
    if (state === "closed") {
      this.#turn += 1;
      this.#silence();
      this.#become("idle");
    } else if (this.state !== "stopping") {
      const states = { open: "listening", lost: "lost" };
      this.#become(states[state] ?? this.state);
    }
  }

  #fail(problem) {
    this.problem = problem;
    if (this.state === "idle") this.#settings.onChange();
    else this.stop();
  }

  #silence() {
    this.#microphone?.stop();
    this.#microphone = null;
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.#settings.onChange();
  }
}
