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
/** Messages of the server, after which it is told that they arrived. */
const ACK_EVERY = 16;
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
  /** Position where the server's stream begins. */
  #origin = 0;
  /** How to resume the server's stream, if that is possible: its id, token, origin, last message, and the last one acknowledged. */
  #serverStream = null;
  /** Whether the server has not said yet what it has of the stream. */
  #resuming = false;
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
      if (this.#takesAudio) this.#socket.send(piece);
    }
    const stalled = this.#settings.pace === "live" && this.#socket?.bufferedAmount > this.#allowedBytes;
    if (stalled) this.#closed(this.#socket, "the network takes no more audio");
  }

  get #takesAudio() {
    return this.#socket?.readyState === OPEN && !this.#socket.carriesTrack && !this.#resuming;
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
      if (this.#socket?.readyState === OPEN && !this.#resuming) {
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

  /** Sends what the server needs to go on: which stream is resumed; or the settings, and the audio whose text is not final. */
  #begin(socket) {
    if (socket !== this.#socket) return;
    if (socket.carriesTrack) {
      // The offer had the settings, and the track is heard from now on.
      this.#origin = this.#kept.end;
      this.#allowedBytes = Infinity;
      if (this.#finishing) this.#say({ type: "finish" });
      return;
    }
    if (this.#serverStream) {
      const { stream, token, origin, lastSeq } = this.#serverStream;
      this.#resuming = true;
      this.#origin = origin;
      this.#say({ type: "resume", stream, token, last_seq: lastSeq });
      return;
    }
    const { preset, options, sampleRate, pace, giveUpSeconds } = this.#settings;
    const start = { type: "start", preset, options: options ?? {}, format: "s16le", sample_rate: sampleRate, pace };
    this.#say(giveUpSeconds > 0 ? { ...start, resume: true } : start);
    this.#origin = Math.max(this.#final, this.#kept.start);
    this.#sendFrom(this.#origin, false);
  }

  /** Sends the audio from a position on, and the end unless the server has it. */
  #sendFrom(position, finished) {
    const again = (this.#kept.end - position) * 2;
    this.#allowedBytes = again + STALLED_SECONDS * this.#settings.sampleRate * 2;
    for (const samples of this.#kept.from(position)) this.#socket.send(samples);
    if (this.#finishing && !finished) this.#say({ type: "finish" });
  }

  #take(socket, event) {
    if (socket !== this.#socket) return;
    const { sampleRate } = this.#settings;
    if (!this.#isNew(event)) return;
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
      case "ack":
        return;
      case "resumed":
        this.#resumed(event);
        return;
      case "done":
        if (!socket.carriesTrack && !(this.#finishing && this.#origin / sampleRate + event.seconds >= this.seconds - 0.01)) {
          // The server stops. The rest is for the next connection.
          this.#failure = new Failure("shutting_down", `the server ended the stream after ${event.seconds} s of its audio`);
          return;
        }
        this.#emit({ ...event, seconds: this.seconds });
        this.#end(null, event);
        return;
      default:
    }
    this.#emit(shifted);
  }

  /** Whether a message is new. The server may be told that it arrived. */
  #isNew(event) {
    if (event.type === "ready" && event.resume && !this.#serverStream) {
      this.#serverStream = { stream: event.stream, token: event.resume.token, origin: this.#origin, lastSeq: event.seq, acknowledged: 0 };
      return true;
    }
    if (!this.#serverStream || this.#resuming || event.seq === undefined) return true;
    if (event.seq <= this.#serverStream.lastSeq) return false;
    this.#serverStream.lastSeq = event.seq;
    if (event.seq >= this.#serverStream.acknowledged + ACK_EVERY && this.#socket.readyState === OPEN) {
      this.#serverStream.acknowledged = event.seq;
      this.#say({ type: "ack", seq: event.seq });
    }
    return true;
  }

  #ready(event) {
    const lost = this.#origin > this.#final ? [this.#final, this.#origin] : null;
    // Told once.
    if (this.#wasReady) this.#final = this.#origin;
    this.#goesOn(this.#origin, lost, event);
  }

  /** The server goes on with its stream, and sends what has not arrived. */
  #resumed({ received, finished, missed, resume }) {
    const position = this.#serverStream.origin + received;
    this.#serverStream.token = resume.token;
    if (position < this.#kept.start || position > this.#kept.end) {
      // The server lacks audio that is not kept any more: the stream begins again.
      this.#serverStream = null;
      this.#closed(this.#socket, "");
      return;
    }
    this.#resuming = false;
    this.#sendFrom(position, finished);
    this.#goesOn(position, missed ? [this.#final, position] : null);
  }

  /** There is a connection; audio from the position on is sent. `ready` is told if it is new. */
  #goesOn(position, lost, ready) {
    this.#attempts = 0;
    this.#failure = null;
    this.#become(this.#finishing ? "finishing" : "open");
    if (ready) this.#emit(ready);
    this.#opened.resolve(ready);
    if (this.#wasReady) {
      const seconds = (samples) => samples / this.#settings.sampleRate;
      const gap = lost ? { start: seconds(lost[0]), end: seconds(lost[1]) } : null;
      if (gap) this.#emit({ type: "gap", ...gap });
      this.#emit({ type: "resumed", from: seconds(position), away: (Date.now() - this.#lostSince) / 1000, lost: gap });
    }
    this.#lostSince = null;
    this.#wasReady = true;
  }

  #closed(socket, reason) {
    if (socket !== this.#socket || this.state === "closed") return;
    this.#socket = null;
    this.#resuming = false;
    socket.close();
    let failure = this.#failure ?? new Failure("unreachable", reason || "the connection was closed");
    if (failure.code === "unknown_stream") {
      // What the server does not have any more begins again.
      failure = new Failure("unreachable", failure.message);
      this.#failure = this.#serverStream = null;
    }
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
