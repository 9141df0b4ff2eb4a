// One stream of audio to a server, which outlives its connections.
//
// Invariant: audio after the last final segment is kept until its text is final, within a limit. When a connection
// breaks, the next one gets that audio again, so no word is lost and none comes twice. Times in events are those of the
// whole stream, whatever connection they come from. What could not be kept is reported as a `gap`.

import { backoff } from "./backoff.js";
import { KeptAudio } from "./kept_audio.js";
import { hasRtc, RtcSocket } from "./rtc_socket.js";

/** Samples of one message; the server limits its size. */
const MESSAGE_SAMPLES = 16_384;
/** Seconds of live audio that the network may be behind before the connection is taken for dead. */
const STALLED_SECONDS = 10;
/** Bytes that wait to be sent, above which `drained` waits. */
const ENOUGH_BYTES = 256 * 1024;
const POLL_MILLISECONDS = 20;
const OPEN = 1;

/** Failures after which another try makes sense, beside a connection that breaks. */
const PASSING = new Set(["capacity", "overloaded", "shutting_down", "slow_reader", "idle_timeout"]);

/** Why a stream ended without its text. `code` is a code of the server, `unreachable` or `closed`. */
export class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.name = "Failure";
    this.code = code;
  }
}

export class Stream {
  /** `connecting`, `open`, `lost`, `finishing` or `closed`. */
  state = "new";

  #settings;
  #listeners = new Map();
  #socket = null;
  #timer = null;
  #kept;
  /** Position of the first sample of this connection. */
  #origin = 0;
  /** Position up to which the text is final. */
  #final = 0;
  #attempts = 0;
  #lostSince = null;
  #allowedBytes = 0;
  #wasReady = false;
  /** The microphone's track, as long as WebRTC may work. */
  #track = null;
  #finishing = false;
  #failure = null;
  #opened = deferred();
  #done = deferred();

  /** `server` is the address of the server, such as `http://127.0.0.1:8770`. */
  constructor(server, settings) {
    const live = (settings.pace ?? "live") === "live";
    this.#settings = {
      pace: "live",
      sampleRate: 16_000,
      keepSeconds: live ? 120 : Infinity,
      giveUpSeconds: 300,
      WebSocket: globalThis.WebSocket,
      ...settings,
      address: new URL("/v1/stream", server).href.replace(/^http/, "ws"),
    };
    this.#settings.offerAddress = new URL("/webrtc/offer", server).href;
    this.#kept = new KeptAudio(this.#settings.keepSeconds * this.#settings.sampleRate);
    this.#track = live && hasRtc() ? (settings.track ?? null) : null;
  }

  /** `webrtc` or `websocket`: how audio goes to the server now. */
  get transport() {
    return this.#socket?.carriesTrack ? "webrtc" : "websocket";
  }

  /** Goes on with the track of another microphone, whose samples are sent from now on. */
  async replaceTrack(track) {
    if (this.#track) this.#track = track;
    if (this.#socket?.carriesTrack) await this.#socket.replaceTrack(track);
  }

  /** Calls a function with each event of a type; `"*"` is all of them. */
  on(type, listener) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
    return this;
  }

  /** Connects. Returns the server's `ready`. */
  open() {
    if (this.state === "new") this.#connect();
    return this.#opened.promise;
  }

  /** Seconds of audio that were given to this stream. */
  get seconds() {
    return this.#kept.end / this.#settings.sampleRate;
  }

  /** Sends 16-bit samples. While there is no connection they are kept. */
  send(samples) {
    if (this.#finishing || this.state === "closed") return;
    for (let at = 0; at < samples.length; at += MESSAGE_SAMPLES) {
      const piece = samples.subarray(at, at + MESSAGE_SAMPLES);
      this.#kept.push(piece);
      if (this.#socket?.readyState === OPEN && !this.#socket.carriesTrack) this.#socket.send(piece);
    }
    const stalled = this.#settings.pace === "live" && this.#socket?.bufferedAmount > this.#allowedBytes;
    if (stalled) this.#closed(this.#socket, "the network takes no more audio");
  }

  /** Waits until the network has taken most of what was sent. For audio that is sent faster than it is spoken. */
  async drained() {
    while (this.state !== "closed" && !(this.#socket?.readyState === OPEN && this.#socket.bufferedAmount < ENOUGH_BYTES)) {
      await new Promise((wake) => setTimeout(wake, POLL_MILLISECONDS));
    }
  }

  /** Ends the audio. Returns the server's `done`, after which there are no more events. */
  finish() {
    if (!this.#finishing && this.state !== "closed") {
      this.#finishing = true;
      if (this.#socket?.readyState === OPEN) {
        this.#say({ type: "finish" });
        this.#become("finishing");
      }
    }
    return this.#done.promise;
  }

  /** Tries to connect at once, if the stream waits for its next try. */
  retry() {
    if (this.state === "lost") this.#connect();
  }

  /** Ends the stream without waiting for the rest of its text. */
  close() {
    this.#end(new Failure("closed", "the stream was closed"));
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#become("connecting");
    const socket = this.#newSocket();
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#begin(socket);
    socket.onmessage = ({ data }) => this.#take(socket, JSON.parse(data));
    socket.onclose = ({ reason }) => this.#closed(socket, reason);
    // Not everywhere is it followed by a close.
    socket.onerror = () => this.#closed(socket, "");
    this.#socket = socket;
  }

  #newSocket() {
    const { address, offerAddress, key, preset, options, iceServers, WebSocket } = this.#settings;
    if (this.#track) return new RtcSocket(offerAddress, this.#track, { preset, options, key, iceServers });
    return new WebSocket(address, key ? ["auricle", `auricle.key.${key}`] : ["auricle"]);
  }

  /** Sends what the server needs to go on: the settings, and the audio whose text is not final. */
  #begin(socket) {
    if (socket !== this.#socket) return;
    if (socket.carriesTrack) {
      // The offer had the settings, and the track is heard from now on.
      this.#origin = this.#kept.end;
      this.#allowedBytes = Infinity;
      if (this.#finishing) this.#say({ type: "finish" });
      return;
    }
    const { preset, options, sampleRate, pace } = this.#settings;
    this.#say({ type: "start", preset, options: options ?? {}, format: "s16le", sample_rate: sampleRate, pace });
    this.#origin = Math.max(this.#final, this.#kept.start);
    const again = (this.#kept.end - this.#origin) * 2;
    this.#allowedBytes = again + STALLED_SECONDS * sampleRate * 2;
    for (const samples of this.#kept.from(this.#origin)) socket.send(samples);
    if (this.#finishing) this.#say({ type: "finish" });
  }

  #take(socket, event) {
    if (socket !== this.#socket) return;
    const { sampleRate } = this.#settings;
    const shifted = shift(event, this.#origin / sampleRate);
    switch (event.type) {
      case "ready":
        this.#ready(event);
        return;
      case "segment":
        this.#final = Math.min(this.#kept.end, Math.max(this.#final, Math.round(shifted.end * sampleRate)));
        this.#kept.release(this.#final);
        break;
      case "error":
        this.#failure = new Failure(event.code, event.message);
        return;
      case "done":
        this.#emit({ ...event, seconds: this.seconds });
        this.#end(null, event);
        return;
      default:
    }
    this.#emit(shifted);
  }

  #ready(event) {
    this.#attempts = 0;
    this.#failure = null;
    this.#become(this.#finishing ? "finishing" : "open");
    this.#emit(event);
    this.#opened.resolve(event);
    if (this.#wasReady) {
      const { sampleRate } = this.#settings;
      const [final, from] = [this.#final / sampleRate, this.#origin / sampleRate];
      const lost = from > final ? { start: final, end: from } : null;
      if (lost) this.#emit({ type: "gap", ...lost });
      // Told once.
      this.#final = this.#origin;
      this.#emit({ type: "resumed", from, away: (Date.now() - this.#lostSince) / 1000, lost });
    }
    this.#lostSince = null;
    this.#wasReady = true;
  }

  #closed(socket, reason) {
    if (socket !== this.#socket || this.state === "closed") return;
    this.#socket = null;
    socket.close();
    const failure = this.#failure ?? new Failure("unreachable", reason || "the connection was closed");
    if (socket.carriesTrack) {
      // Once is enough: the network or the server does not let it through.
      this.#track = null;
      if (!this.#wasReady && !this.#failure) {
        this.#connect();
        return;
      }
    }
    const passes = failure.code === "unreachable" || PASSING.has(failure.code);
    this.#lostSince ??= Date.now();
    const away = (Date.now() - this.#lostSince) / 1000;
    if (!this.#wasReady || !passes || away > this.#settings.giveUpSeconds) {
      this.#end(failure);
      return;
    }
    const wait = backoff(this.#attempts);
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect(), wait * 1000);
    this.#become("lost");
    this.#emit({ type: "lost", code: failure.code, message: failure.message, retryIn: wait });
  }

  #end(failure, done) {
    if (this.state === "closed") return;
    clearTimeout(this.#timer);
    this.#become("closed");
    this.#socket?.close();
    this.#socket = null;
    if (!failure) {
      this.#done.resolve({ ...done, seconds: this.seconds });
      return;
    }
    this.#opened.reject(failure);
    this.#done.reject(failure);
    this.#emit({ type: "error", code: failure.code, message: failure.message });
  }

  #say(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.#emit({ type: "state", state });
  }

  #emit(event) {
    for (const type of ["*", event.type]) {
      for (const listener of this.#listeners.get(type) ?? []) listener(event);
    }
  }
}

/** An event with its times later by some seconds. */
function shift(event, seconds) {
  if (!seconds) return event;
  const later = { ...event };
  for (const name of ["start", "end", "time"]) {
    if (name in later) later[name] = Math.round((later[name] + seconds) * 1000) / 1000;
  }
  if (later.words) later.words = later.words.map((word) => shift(word, seconds));
  return later;
}

/** A promise that is kept from outside. Nobody needs to wait for it. */
function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  made.promise.catch(() => {});
  return made;
}
