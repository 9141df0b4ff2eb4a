// The stream on the server: how to resume it, and what has arrived of it.
//
// Positions are samples since the start or the last reset; times are those of the server's messages.

/** Messages of the server, after which it is told that they arrived. */
const ACK_EVERY = 16;

export class ServerStream {
  /** The token with which it can be resumed. */
  token;
  /** The position where it begins. */
  origin;
  /** If the server stores how far the stream is: the position that it would need if it died. Otherwise null. */
  durable;
  #id;
  /** The last message, and the last that the server was told of. */
  #lastSeq;
  #acknowledged = 0;
  /** Whether the server should be told now. */
  #wantsAck = false;
  /** What has arrived since the server's last `ready`. */
  #told;

  /** `ready` is the server's first message, with `resume`. */
  constructor({ seq, epoch, stream, resume }, origin) {
    Object.assign(this, { token: resume.token, origin, durable: resume.survives ? origin : null });
    this.#id = stream;
    this.#lastSeq = seq;
    this.#begin(epoch);
  }

  #begin(epoch) {
    this.#told = { epoch, flushes: 0, events: 0, text_end: 0, text: "", event_time: 0 };
  }

  /** Flushes that were answered since the last `ready`. */
  get flushes() {
    return this.#told.flushes;
  }

  /** The message that resumes it. */
  resume() {
    const message = { type: "resume", stream: this.#id, token: this.token, last_seq: this.#lastSeq };
    return this.durable === null ? message : { ...message, told: this.#told };
  }

  /** A message with a number came. Returns whether it is new. */
  arrived(message) {
    if (message.seq <= this.#lastSeq) return false;
    this.#lastSeq = message.seq;
    const told = this.#told;
    switch (message.type) {
      case "ready":
        this.#begin(message.epoch);
        break;
      case "flushed":
        told.flushes += 1;
        break;
      case "segment":
        Object.assign(told, { events: told.events + 1, text_end: message.end, text: message.text });
        break;
      case "speech_started":
      case "endpoint":
        Object.assign(told, { events: told.events + 1, event_time: message.time });
        break;
      default:
    }
    return true;
  }

  /** The server has told what it has of the audio. Returns whether what is durable changed; `final` is the end of the final text. */
  heard({ epoch, durable, survives }, final) {
    if (this.durable === null || epoch !== this.#told.epoch) return false;
    // It waits to be told what has arrived.
    this.#wantsAck = this.#lastSeq === 0 || this.#lastSeq > this.#acknowledged;
    // Without `survives` it does not store it now.
    this.durable = Math.max(this.durable, survives ? this.origin + durable : final);
    return true;
  }

  /** The message that tells the server what has arrived, if it waits for that or it is much; otherwise null. */
  takeAck() {
    if (!this.#wantsAck && this.#lastSeq < this.#acknowledged + ACK_EVERY) return null;
    this.#acknowledged = this.#lastSeq;
    this.#wantsAck = false;
    return { type: "ack", seq: this.#lastSeq };
  }

  /** It was reset: its audio begins again. */
  reset() {
    this.origin = 0;
    if (this.durable !== null) this.durable = 0;
  }
}
