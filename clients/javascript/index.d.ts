/** A word of a text, with times in seconds from the start of the stream. */
export interface Word {
  start: number;
  end: number;
  text: string;
  /** 0 to 1, if the engine reports it. */
  confidence?: number;
}

/** A text with its times in seconds from the start of the stream. */
export interface Text {
  start: number;
  end: number;
  text: string;
  words?: Word[];
  confidence?: number;
  language?: string;
}

export interface Ready {
  type: "ready";
  stream: string;
  /** Resets so far. */
  epoch: number;
  preset: string;
  backend: string;
  separator: string;
  sample_rate: number;
  chunk_seconds: number;
  languages: string[];
  capabilities: string[];
}

/** The events of a stream by their types. `docs/asyncapi.yaml` describes those of the server. */
export interface Events {
  /** A stream of the server is open; again after each reset, and after a reconnect if the server has begun a new one. */
  ready: Ready;
  /** The engine cannot do something that `options` asks for: which, and why. */
  warning: { type: "warning"; field: string; message: string };
  /** Unstable text after the last segment; replaces the one before. */
  partial: Text & { type: "partial" };
  /** Final text. */
  segment: Text & { type: "segment" };
  speech_started: { type: "speech_started"; time: number };
  endpoint: { type: "endpoint"; time: number };
  /** How long the oldest audio has waited for the engine. */
  lag: { type: "lag"; seconds: number };
  /** Audio that was not processed: because of a failure in the server, or because the connection was away for too long. */
  gap: { type: "gap"; start: number; end: number };
  /** The engine reported no text although somebody speaks, and was started anew: it gets the audio from there on again. */
  restarted: { type: "restarted"; time: number };
  /** All text of the audio before a flush has been reported: so many samples since the start or the last reset. */
  flushed: { type: "flushed"; sample: number };
  /** All text has been reported. */
  done: { type: "done"; seconds: number };
  /** The server stops in so many seconds. If the audio has not ended by then, the stream goes on with another connection. */
  going_away: { type: "going_away"; seconds: number };
  /** The connection broke; the next try is in `retryIn` seconds. */
  lost: { type: "lost"; code: string; message: string; retryIn: number };
  /**
   * Connected again after `away` seconds; audio from second `from` on was sent again. `lost` is the gap, if there is one. `isExact`:
   * the text is that of a connection that did not break; otherwise words near `from` may differ.
   */
  resumed: { type: "resumed"; from: number; away: number; lost: { start: number; end: number } | null; isExact: boolean };
  /** The stream failed; there are no more events. */
  error: { type: "error"; code: string; message: string };
  state: { type: "state"; state: State };
  "*": Events[Exclude<keyof Events, "*">];
}

export type State = "new" | "connecting" | "open" | "lost" | "finishing" | "closed";

export interface StreamSettings {
  /** A name from `GET /v1/presets`. */
  preset: string;
  /** Stream fields that the preset opens. */
  options?: Record<string, unknown>;
  /** A key of the server. */
  key?: string;
  /** Of the samples, 8000 to 192000; default 16000. */
  sampleRate?: number;
  /** `live` (default): as it is spoken. `file`: as fast as the engine processes it; call `drained` between sends. */
  pace?: "live" | "file";
  /** Seconds of audio that are kept for a reconnect; default 120 for live audio, all for files. */
  keepSeconds?: number;
  /** Seconds without a connection after which the stream fails; default 300. */
  giveUpSeconds?: number;
  /**
   * The track of the microphone whose samples are sent (`Microphone.track`): the audio goes over WebRTC then, as Opus, and
   * over WebSocket if that does not come up or breaks. Only for live audio.
   */
  track?: MediaStreamTrack;
  /** STUN and TURN servers for WebRTC. */
  iceServers?: RTCIceServer[];
  /** For environments without a global `WebSocket`, such as Node.js 20: that of the package `ws`. */
  WebSocket?: unknown;
}

/** Why a stream failed: a code of the server (`docs/protocol.md`), `unreachable` or `closed`; of a flush also `reset`. */
export class Failure extends Error {
  readonly code: string;
  constructor(code: string, message: string);
}

/** One stream of audio, which outlives its connections. */
export class Stream {
  constructor(server: string | URL, settings: StreamSettings);
  readonly state: State;
  /** Seconds of audio given since the start or the last reset. */
  readonly seconds: number;
  /** How audio goes to the server now. */
  readonly transport: "webrtc" | "websocket";
  on<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): this;
  open(): Promise<Ready>;
  send(samples: Int16Array): void;
  drained(): Promise<void>;
  /**
   * Asks for the text of everything so far; kept when that has come. The audio is cut there, even within a word. Fails if a
   * reset or the end of the stream comes first.
   */
  flush(): Promise<Events["flushed"]>;
  /** Discards what has no text yet. A `ready` with the next epoch follows, after which times start at 0. */
  reset(): void;
  /** Goes on with the track of another microphone. */
  replaceTrack(track: MediaStreamTrack): Promise<void>;
  finish(): Promise<Events["done"]>;
  retry(): void;
  close(): void;
}

/** A microphone in a browser. */
export class Microphone {
  static open(settings: {
    onSamples: (samples: Int16Array) => void;
    /** The device was removed. */
    onEnd?: () => void;
    /** From `navigator.mediaDevices.enumerateDevices()`. */
    device?: string;
    rate?: number;
  }): Promise<Microphone>;
  /** Samples per second; not always the one that was asked for. */
  readonly rate: number;
  readonly label: string;
  readonly device: string | undefined;
  /** For `StreamSettings.track`. */
  readonly track: MediaStreamTrack;
  stop(): void;
}

/** Text of a microphone while somebody speaks: a microphone, a stream and its transcript as one thing. */
export class LiveCaptions {
  constructor(
    settings: Omit<StreamSettings, "sampleRate"> & {
      server: string | URL;
      /** Something changed. */
      onChange?: () => void;
      /** Each event of the stream. */
      onEvent?: (event: Events["*"]) => void;
    },
  );
  readonly state: "idle" | "starting" | "listening" | "lost" | "stopping";
  /** What went wrong, for people; empty if nothing did. */
  readonly problem: string;
  readonly transcript: Transcript;
  /** Opens the microphone and a stream. */
  start(): Promise<void>;
  /** Turns the microphone off; the rest of the text still comes. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  close(): void;
}

/** What has been recognised. */
export class Transcript {
  readonly segments: Text[];
  readonly partial: Text | null;
  readonly gaps: { start: number; end: number }[];
  separator: string;
  readonly text: string;
  readonly end: number;
  apply(event: Events["*"]): "segment" | "partial" | "gap" | null;
  clearPartial(): "partial" | null;
}

export function toText(segments: Text[]): string;
export function toSrt(segments: Text[]): string;
export function toVtt(segments: Text[]): string;
export function toJson(transcript: Transcript): string;

/** Judges whether a microphone works. */
export class Hearing {
  heard(level: { rms: number; peak: number }, seconds: number): "dead" | "quiet" | "loud" | "wordless" | null;
  text(): void;
}

/** Audio that may be needed again. */
export class KeptAudio {
  constructor(limit: number);
  readonly start: number;
  readonly end: number;
  push(samples: Int16Array): void;
  release(position: number): void;
  from(position: number): Iterable<Int16Array>;
  chunks(): Int16Array[];
}

export function toPcm(samples: Float32Array): Int16Array;
export function mix(channels: Float32Array[]): Float32Array;
export function level(pcm: Int16Array): { rms: number; peak: number };
export function wav(chunks: Int16Array[], rate: number): BlobPart[];
export function backoff(attempt: number, random?: () => number): number;
