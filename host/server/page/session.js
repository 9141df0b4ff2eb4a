// One recording or one file: its microphone or its samples, its stream, its transcript. No document here.
//
// Invariant: `report("ended")` comes once, whatever happens; then the microphone is released and the transcript is final.

import { Hearing, KeptAudio, level, Microphone, Stream, Transcript } from "./client/index.js";
import { decode } from "./audio_file.js";
import { ofMicrophone, ofStream, ofUpload } from "./problems.js";

/** Of a recording, this much is kept for playing: 115 MB at 16 kHz. */
const PLAYABLE_SECONDS = 3600;
/** Seconds of a file that are sent at once. */
const PIECE_SECONDS = 1;
/** Measured delays of which the median is shown. */
const DELAYS = 5;

export class Session {
  transcript = new Transcript();
  /** What can be played: `{ file }` or `{ kept, rate }`; null if there is nothing. */
  playable = null;
  live = true;
  /** Of a file, in seconds. */
  length = 0;

  #server;
  #settings;
  #report;
  #stream = null;
  #microphone = null;
  #early = [];
  #hearing = new Hearing();
  #delays = [];
  #stopped = false;
  #ended = false;
  #wasOpen = false;
  #upload = null;
  #begun = performance.now();

  /** `settings`: `preset`, `options`, `device`. `report(name, detail)` is told what happens. */
  constructor(server, settings, report) {
    this.#server = server;
    this.#settings = settings;
    this.#report = report;
  }

  /** Seconds of audio so far. */
  get seconds() {
    return this.#stream?.seconds ?? 0;
  }

  /** Records until `stop`. */
  async record() {
    this.#report("state", "stateAsking");
    const microphone = await this.#open();
    if (!microphone) return;
    const { rate } = microphone;
    this.playable = { kept: new KeptAudio(PLAYABLE_SECONDS * rate), rate };
    if (!(await this.#connect("live", rate))) return;
    this.#report("state", "stateListening");
  }

  /** Reads a file. */
  async read(file) {
    this.live = false;
    this.#report("state", "stateDecoding");
    let decoded;
    try {
      decoded = await decode(file);
    } catch {
      await this.#uploaded(file);
      return;
    }
    if (this.#stopped) return;
    const { samples, rate } = decoded;
    this.playable = { file };
    this.length = samples.length / rate;
    if (!(await this.#connect("file", rate))) return;
    this.#report("state", "stateReading");
    this.#begun = performance.now();
    for (let at = 0; at < samples.length && !this.#stopped; at += rate * PIECE_SECONDS) {
      this.#stream.send(samples.subarray(at, at + rate * PIECE_SECONDS));
      await this.#stream.drained();
    }
    await this.#finish();
  }

  /** Ends the audio; the last words still come. */
  async stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#upload?.abort();
    this.#release();
    if (!this.#stream) this.#end();
    else if (this.live) await this.#finish();
  }

  /** Goes on with another microphone. */
  async change(device) {
    this.#settings.device = device;
    if (!this.#microphone || this.#stopped) return;
    const { rate } = this.#microphone;
    // First, so that no two of them send at once.
    this.#release();
    const microphone = await this.#open(rate);
    // The rate of a stream cannot change.
    if (microphone && microphone.rate !== rate) await this.stop();
    else if (microphone) await this.#stream?.replaceTrack(microphone.track);
  }

  /** Tries to connect again at once. */
  retry() {
    this.#stream?.retry();
  }

  /** Opens the microphone. Null if that failed, or if somebody pressed Stop meanwhile; then the session ends. */
  async #open(rate) {
    try {
      const microphone = await Microphone.open({
        device: this.#settings.device,
        rate,
        onSamples: (samples) => this.#heard(samples),
        onEnd: () => this.#lostMicrophone(),
      });
      this.#microphone = microphone;
      this.#report("microphone", microphone);
      if (!this.#stopped) return microphone;
      this.#release();
    } catch (error) {
      this.#report("problem", { problem: ofMicrophone(error) });
      if (this.#stream) await this.stop();
      else this.#end();
    }
    return null;
  }

  #lostMicrophone() {
    this.#report("problem", { problem: "lostMicrophone" });
    this.stop();
  }

  #heard(samples) {
    if (this.#stopped) return;
    const loudness = level(samples);
    this.#report("level", loudness);
    if (!this.#stream) {
      this.#early.push(samples);
      return;
    }
    this.playable.kept.push(samples);
    this.#stream.send(samples);
    this.#report("hearing", this.#hearing.heard(loudness, samples.length / this.playable.rate));
  }

  /** Opens the stream. Returns whether it is open; if not, the session has ended. */
  async #connect(pace, sampleRate) {
    const { preset, options } = this.#settings;
    const { key, address } = this.#server;
    this.#report("state", "stateConnecting");
    const track = pace === "live" && (await this.#server.hasWebRtc()) ? this.#microphone?.track : undefined;
    this.#stream = new Stream(address, { preset, options, key, pace, sampleRate, track });
    this.#stream.on("*", (event) => this.#take(event));
    this.#early.forEach((samples) => this.#heard(samples));
    this.#early = [];
    try {
      await this.#stream.open();
      return !this.#stopped || !this.live;
    } catch (failure) {
      const unheard = failure.code === "unreachable" && { problem: await this.#server.whyNoStream() };
      this.#report("problem", unheard || ofStream(failure));
      this.#end();
      return false;
    }
  }

  #take(event) {
    const changed = this.transcript.apply(event);
    if (changed) this.#report(changed, event);
    switch (event.type) {
      case "partial":
      case "segment":
        this.#hearing.text();
        this.#measure(event);
        break;
      case "lag":
        this.#report("lag", event.seconds);
        break;
      case "lost":
        this.#report("state", "stateLost");
        break;
      case "resumed":
        this.#report("state", this.live ? "stateListening" : "stateReading");
        this.#report("resumed", event);
        break;
      case "error":
        // Before the first `ready`, `#connect` tells why.
        if (!this.#wasOpen) break;
        this.#report("problem", ofStream(event));
        this.#end();
        break;
      case "ready":
        this.#wasOpen = true;
        this.#report("transport", this.#stream.transport);
        break;
      default:
    }
  }

  /** How long after it was said a text came; of a file, how much faster than speech it is read. */
  #measure({ end, text }) {
    if (!text) return;
    if (!this.live) {
      this.#report("speed", end / ((performance.now() - this.#begun) / 1000));
      return;
    }
    this.#delays = [...this.#delays, Math.max(0, this.#stream.seconds - end)].slice(-DELAYS);
    this.#report("delay", this.#delays.toSorted((a, b) => a - b)[this.#delays.length >> 1]);
  }

  async #finish() {
    if (this.#ended) return;
    this.#report("state", "stateFinishing");
    try {
      await this.#stream.finish();
      if (!this.transcript.segments.length && !this.live) this.#report("problem", { problem: "silentFile" });
      this.#end();
    } catch {
      // The stream has told why.
      this.#end();
    }
  }

  /** Leaves the file to the server, which reads more kinds than a browser. */
  async #uploaded(file) {
    this.#upload = new AbortController();
    this.#report("state", "stateUploading");
    const { preset, options } = this.#settings;
    try {
      const language = options.lan ?? options.language;
      const segments = await this.#server.transcribe(file, preset, language, this.#upload.signal);
      segments.forEach((segment) => this.#take({ type: "segment", ...segment }));
      if (!segments.length) this.#report("problem", { problem: "silentFile" });
    } catch (error) {
      if (!this.#stopped) this.#report("problem", error.status ? ofUpload(error.status, error.message) : { problem: "noServer" });
    }
    this.#end();
  }

  #release() {
    this.#microphone?.stop();
    this.#microphone = null;
  }

  #end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopped = true;
    this.#release();
    this.transcript.clearPartial();
    this.#report("ended");
  }
}
