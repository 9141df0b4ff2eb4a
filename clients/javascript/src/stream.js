// One stream of audio to a server, which outlives its connections.
//
// Invariant: audio that may be needed again is kept (see `sending`). When a connection breaks, the next one gets what the server
// lacks, so no word is lost and none comes twice. Times in events are those of the whole stream, whatever connection they
// come from. What could not be kept is reported as a `gap`.

import { backoff } from "./backoff.js";
import { deferred } from "./deferred.js";
import { Failure, passes } from "./failure.js";
import { hasRtc, RtcSocket } from "./rtc_socket.js";
import { Sending } from "./sending.js";
import { shift } from "./times.js";

/** Seconds of live audio that the network may be behind before the connection is taken for dead. */
const STALLED_SECONDS = 10;
/** Bytes that wait to be sent, above which `drained` waits. */
const ENOUGH_BYTES = 256 * 1024;
const POLL_MILLISECONDS = 20;
/** Seconds of audio that a server may leave out of its `done`. */
const TOLERANCE_SECONDS = 0.01;
const OPEN = 1;

export class Stream {
  /** `connecting`, `open`, `lost`, `finishing` or `closed`. */
  state = "new";

  #settings;
  #listeners = new Map();
  #sending;
  #socket = null;
  #timer = null;
  #attempts = 0;
  #lostSince = null;
  #allowedBytes = 0;
  #wasReady = false;
  /** Of the server's count of samples. */
  #countRate;
  /** The microphone's track, as long as WebRTC may work. */
  #track = null;
  /** Resets so far. */
  #epoch = 0;
  #finishing = false;
  #failure = null;
  #opened = deferred();
  /** Of the flushes that were not answered. */
  #flushes = [];
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
    const { preset, options, sampleRate, pace, keepSeconds, giveUpSeconds } = this.#settings;
    const start = { type: "start", preset, options: options ?? {}, format: "s16le", sample_rate: sampleRate, pace };
    this.#sending = new Sending(giveUpSeconds > 0 ? { ...start, resume: true } : start, keepSeconds * sampleRate);
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

  /** Seconds of audio given since the start or the last reset. */
  get seconds() {
    return this.#sending.seconds;
  }

  /** Sends 16-bit samples. While there is no connection they are kept. */
  send(samples) {
    if (this.#hasEnded) return;
    this.#sending.push(samples);
    this.#pump();
    const stalled = this.#settings.pace === "live" && this.#socket?.bufferedAmount > this.#allowedBytes;
    if (stalled) this.#closed(this.#socket, "the network takes no more audio");
  }

  get #hasEnded() {
    return this.#finishing || this.state === "closed";
  }

  /** Sends everything that can be sent now. */
  #pump() {
    if (this.#socket?.readyState !== OPEN) return;
    for (const message of this.#sending.take()) this.#socket.send(message);
  }

  /** Waits until the network has taken most of what was sent. For audio that is sent faster than it is spoken. */
  async drained() {
    while (this.state !== "closed" && !(this.#socket?.readyState === OPEN && this.#socket.bufferedAmount < ENOUGH_BYTES)) {
      await new Promise((wake) => setTimeout(wake, POLL_MILLISECONDS));
    }
  }

  /**
   * Asks for the text of everything so far. The audio is cut there, even within a word. Returns the server's `flushed`, which
   * comes after that text. It fails if a reset or the end of the stream comes first.
   */
  flush() {
    const flush = deferred();
    if (this.#hasEnded) {
      flush.reject(new Failure("closed", "the audio of this stream has ended"));
      return flush.promise;
    }
    this.#flushes.push(flush);
    this.#sending.command("flush");
    this.#pump();
    return flush.promise;
  }

  /** Discards everything that has no text yet. A `ready` with the next epoch follows, after which times start at 0. */
  reset() {
    if (this.#hasEnded) return;
    this.#epoch += 1;
    this.#sending.reset();
    this.#dropFlushes(new Failure("reset", "a reset came before the text was complete"));
    if (this.#sending.isUseless) this.#closed(this.#socket, "the stream was reset: it begins again");
    this.#pump();
  }

  #dropFlushes(failure) {
    this.#flushes.splice(0).forEach((flush) => flush.reject(failure));
  }

  /** Ends the audio. Returns the server's `done`, after which there are no more events. */
  finish() {
    if (!this.#hasEnded) {
      this.#finishing = true;
      this.#sending.command("finish");
      this.#pump();
      if (this.state === "open") this.#become("finishing");
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

  /** Sends what the server needs to go on. */
  #begin(socket) {
    if (socket !== this.#socket) return;
    this.#sending.connected(Boolean(socket.carriesTrack));
    this.#allow();
    this.#pump();
  }

  #allow() {
    const waiting = this.#sending.waitingBytes + STALLED_SECONDS * this.#settings.sampleRate * 2;
    this.#allowedBytes = this.#socket.carriesTrack ? Infinity : waiting;
  }

  #take(socket, event) {
    if (socket !== this.#socket || !this.#sending.arrived(event)) return;
    this.#pump();
    switch (event.type) {
      case "ready":
        this.#ready(event);
        return;
      case "resumed":
        this.#resumed(event);
        return;
      case "error":
        this.#failure = new Failure(event.code, event.message);
        return;
      case "ack":
        this.#sending.heard(event);
        this.#pump();
        return;
      default:
    }
    // What comes before the answer to a reset was discarded.
    if (this.#sending.isResetting) return;
    const shifted = shift(event, this.#sending.origin);
    switch (event.type) {
      case "segment":
        this.#sending.textReached(shifted.end);
        break;
      case "flushed":
        shifted.sample = this.#sending.flushed(event.sample, this.#countRate);
        this.#flushes.shift()?.resolve(shifted);
        break;
      case "done":
        this.#ended(event);
        return;
      default:
    }
    this.#emit(shifted);
  }

  #ended(event) {
    const heard = this.#sending.origin + event.seconds;
    const isAll = this.#finishing && heard >= this.seconds - TOLERANCE_SECONDS;
    if (!this.#socket.carriesTrack && !isAll) {
      // The server stops. The rest is for the next connection.
      this.#failure = new Failure("shutting_down", `the server ended the stream after ${event.seconds} s of its audio`);
      return;
    }
    this.#emit({ ...event, seconds: this.seconds });
    this.#end(null, event);
  }

  #ready(event) {
    this.#sending.opened(event);
    if (this.#sending.isResetting) return;
    this.#countRate = event.audio.sample_rate;
    const lost = this.#wasReady && this.#lostSince !== null ? this.#sending.takeGap() : null;
    this.#goesOn(this.#sending.origin, lost, false, { ...event, epoch: this.#epoch });
  }

  /** The server goes on with its stream, and sends what has not arrived. */
  #resumed(event) {
    const position = this.#sending.resumed(event);
    if (position === null) {
      // The server lacks audio that is not kept any more: the stream begins again.
      this.#sending.beginsAgain();
      this.#closed(this.#socket, "");
      return;
    }
    this.#allow();
    this.#pump();
    const lost = event.missed ? this.#sending.unheard(position) : null;
    this.#goesOn(position, lost, !lost && event.seam !== "lossless");
  }

  /** There is a connection; audio from the position on is sent. `ready` is told if it is new. */
  #goesOn(from, lost, isExact, ready) {
    this.#attempts = 0;
    this.#failure = null;
    this.#become(this.#finishing ? "finishing" : "open");
    if (ready) this.#emit(ready);
    this.#opened.resolve(ready);
    if (this.#wasReady && this.#lostSince !== null) {
      if (lost) this.#emit({ type: "gap", ...lost });
      this.#emit({ type: "resumed", from, away: (Date.now() - this.#lostSince) / 1000, lost, isExact });
    }
    this.#lostSince = null;
    this.#wasReady = true;
  }

  #closed(socket, reason) {
    if (socket !== this.#socket || this.state === "closed") return;
    this.#socket = null;
    this.#sending.disconnected();
    socket.close();
    let failure = this.#failure ?? new Failure("unreachable", reason || "the connection was closed");
    if (failure.code === "unknown_stream") {
      // What the server does not have any more begins again.
      failure = new Failure("unreachable", failure.message);
      this.#failure = null;
      this.#sending.beginsAgain();
    }
    if (socket.carriesTrack) {
      // Once is enough: the network or the server does not let it through.
      this.#track = null;
      if (!this.#wasReady && !this.#failure) {
        this.#connect();
        return;
      }
    }
    this.#lostSince ??= Date.now();
    const away = (Date.now() - this.#lostSince) / 1000;
    if (!this.#wasReady || !passes(failure) || away > this.#settings.giveUpSeconds) {
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
    this.#dropFlushes(failure);
    this.#done.reject(failure);
    this.#emit({ type: "error", code: failure.code, message: failure.message });
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
