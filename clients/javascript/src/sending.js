// What a stream has to send, and how far each connection has taken it. It knows no network and no clock.
//
// Invariant: audio after the last final segment is kept until its text is final, and longer if a server that stores how far the
// stream is would need it; within a limit. A connection that begins a new stream on the server begins with that audio; one that
// resumes the server's stream, with what the server lacks. Commands keep their place in the audio, and are sent again until they
// are answered.
//
// Positions are samples since the start or the last reset.

import { KeptAudio } from "./kept_audio.js";
import { ServerStream } from "./server_stream.js";

/** Samples of one message; the server limits its size. */
const MESSAGE_SAMPLES = 16_384;

export class Sending {
  /** What `start` has, as an object. */
  #start;
  #rate;
  #limit;
  #kept;
  /** Flushes that were not answered, a reset that was not sent, and the end: `{ type, position }`. */
  #commands = [];
  /** Position up to which the text is final. */
  #final = 0;
  /** The stream on the server, if it can be resumed. */
  #serverStream = null;
  /** What the open connection has taken; null if there is none. */
  #connection = null;

  /** `start`: the first message of a stream. `keep`: samples that are kept. */
  constructor(start, keep) {
    this.#start = start;
    this.#rate = start.sample_rate;
    this.#limit = keep;
    this.#kept = new KeptAudio(keep);
  }

  /** Seconds of audio given since the start or the last reset. */
  get seconds() {
    return this.#kept.end / this.#rate;
  }

  /** The second where the connection's stream begins. */
  get origin() {
    return (this.#connection?.origin ?? 0) / this.#rate;
  }

  /** Whether the server has not said yet what it has of the stream that is resumed. */
  get isResuming() {
    return this.#connection?.isResuming ?? false;
  }

  /** Whether the stream that is being resumed is not wanted any more: close the connection. */
  get isUseless() {
    return this.isResuming && !this.#serverStream;
  }

  /** Whether the server still answers about what a reset discarded. */
  get isResetting() {
    if (!this.#connection) return false;
    const { resetsSent, resetsAnswered } = this.#connection;
    return resetsAnswered < resetsSent || this.#commands.some(({ type }) => type === "reset");
  }

  /** Bytes of audio that a new connection has to send at once. */
  get waitingBytes() {
    return 2 * (this.#kept.end - (this.#connection?.sent ?? 0));
  }

  /** Takes audio. */
  push(samples) {
    for (let at = 0; at < samples.length; at += MESSAGE_SAMPLES) this.#kept.push(samples.subarray(at, at + MESSAGE_SAMPLES));
  }

  /** Takes `flush` or `finish`, whose place is here. */
  command(type) {
    this.#commands.push({ type, position: this.#kept.end });
  }

  /** Forgets everything. The server must do so too, if it has something. */
  reset() {
    this.#kept = new KeptAudio(this.#limit);
    this.#commands = [];
    this.#final = 0;
    const connection = this.#connection;
    if (!connection || connection.isResuming) {
      this.#serverStream = null;
    } else {
      Object.assign(connection, { origin: 0, sent: 0, commandsSent: 0 });
      this.#commands.push({ type: "reset", position: 0 });
    }
    this.#serverStream?.reset();
  }

  /** A connection is open. If it carries the audio itself, only audio from now on is heard. */
  connected(carriesAudio) {
    const begin = carriesAudio ? this.#kept.end : Math.max(this.#final, this.#kept.start);
    this.#connection = {
      carriesAudio,
      isStarted: carriesAudio,
      isResuming: this.#serverStream !== null,
      origin: this.#serverStream?.origin ?? begin,
      sent: begin,
      commandsSent: 0,
      resetsSent: 0,
      resetsAnswered: 0,
    };
  }

  /** The connection is gone. */
  disconnected() {
    // The server may not have heard of a reset.
    if (this.isResetting) this.#serverStream = null;
    this.#commands = this.#commands.filter(({ type }) => type !== "reset");
    this.#connection = null;
  }

  /** The next connection does not resume the server's stream. */
  beginsAgain() {
    this.#serverStream = null;
  }

  /** Everything that can be sent now: texts and samples. */
  *take() {
    const connection = this.#connection;
    if (!connection) return;
    if (!connection.isStarted) {
      connection.isStarted = true;
      yield JSON.stringify(this.#serverStream?.resume() ?? this.#start);
    }
    if (connection.isResuming) return;
    const ack = this.#serverStream?.takeAck();
    if (ack) yield JSON.stringify(ack);
    while (connection.commandsSent < this.#commands.length) {
      const { type, position } = this.#commands[connection.commandsSent];
      yield* this.#audio(position);
      if (type === "reset") {
        // Only this connection needs it.
        this.#commands.splice(connection.commandsSent, 1);
        connection.resetsSent += 1;
      } else {
        connection.commandsSent += 1;
      }
      yield JSON.stringify({ type });
    }
    yield* this.#audio(this.#kept.end);
  }

  *#audio(end) {
    const connection = this.#connection;
    if (!connection.carriesAudio) {
      for (const samples of this.#kept.from(connection.sent)) {
        const left = end - connection.sent;
        if (left <= 0) return;
        const piece = samples.subarray(0, left);
        connection.sent += piece.length;
        yield piece;
      }
    }
    connection.sent = end;
  }

  /** A message came. Returns whether it is new. */
  arrived(message) {
    if (!this.#serverStream || this.isResuming || message.seq === undefined) return true;
    return this.#serverStream.arrived(message);
  }

  /** The server has told what it has of the audio. */
  heard(ack) {
    if (this.#serverStream?.heard(ack, this.#final)) this.#release();
  }

  /** The server has opened the stream, or has reset it. */
  opened(ready) {
    this.#connection.resetsAnswered = ready.epoch;
    if (ready.resume) this.#serverStream ??= new ServerStream(ready, this.#connection.origin);
  }

  /** The server has resumed its stream. Returns the position from which it lacks the audio; null if that is not kept any more. */
  resumed({ received, flushes, finished, epoch, resume }) {
    const connection = this.#connection;
    const position = this.#serverStream.origin + received;
    this.#serverStream.token = resume.token;
    if (position < this.#kept.start || position > this.#kept.end) return null;
    const waiting = this.#commands.filter(({ type }) => type === "flush").length;
    const heard = Math.min(flushes - this.#serverStream.flushes, waiting);
    Object.assign(connection, { isResuming: false, sent: position, commandsSent: heard + Number(finished) });
    connection.resetsSent = connection.resetsAnswered = epoch;
    return position / this.#rate;
  }

  /** A flush was answered. Returns its place in the whole stream; `rate` is that of the server's count. */
  flushed(sample, rate) {
    const place = this.#connection.origin + Math.round((sample * this.#rate) / rate);
    if (this.#connection.commandsSent && this.#commands[0].type === "flush") {
      this.#connection.commandsSent -= 1;
      this.#reached(this.#commands.shift().position);
    }
    return place;
  }

  /** The text is final up to this second. */
  textReached(seconds) {
    this.#reached(Math.round(seconds * this.#rate));
  }

  #reached(position) {
    this.#final = Math.max(this.#final, Math.min(position, this.#connection.sent));
    this.#release();
  }

  /** Lets go of the audio that is not needed any more. */
  #release() {
    this.#kept.release(Math.min(this.#final, this.#serverStream?.durable ?? this.#final));
  }

  /** The audio from the last final text to this second, whose text may be lost; null if there is none. */
  unheard(end) {
    const start = this.#final / this.#rate;
    return end > start ? { start, end } : null;
  }

  /** The audio that fell out before this connection; null if there is none. Told once. */
  takeGap() {
    const gap = this.unheard(this.origin);
    if (gap) this.#final = this.#connection.origin;
    return gap;
  }
}
