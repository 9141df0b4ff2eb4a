// A connection over WebRTC that looks to a stream like a WebSocket: texts come and go over a data channel, and the audio is
// a microphone's track, which the browser sends itself.
//
// Invariant: `onopen` comes at most once, then texts; `onclose` comes at most once, and nothing after it.

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 3;
/** Milliseconds for the connection to come up: a network without UDP shows in this time. */
const CONNECT_WITHIN = 4_000;
/** Milliseconds for the browser to find its addresses. What it finds later is not needed: the server learns it. */
const GATHER_WITHIN = 500;

/** Whether this environment has WebRTC. */
export function hasRtc() {
  return typeof globalThis.RTCPeerConnection === "function";
}

export class RtcSocket {
  /** The audio does not go through `send`. */
  carriesTrack = true;
  readyState = CONNECTING;
  bufferedAmount = 0;
  onopen = null;
  onmessage = null;
  onclose = null;

  #peer;
  #channel;
  #sender;
  #timer;
  #isConnected = false;

  /** `address`: that of `/webrtc/offer`. `offer`: `preset`, `options`, `key`, `iceServers`. */
  constructor(address, track, offer) {
    this.#peer = new RTCPeerConnection({ iceServers: offer.iceServers ?? [] });
    this.#sender = this.#peer.addTransceiver(track, { direction: "sendonly" }).sender;
    this.#channel = this.#peer.createDataChannel("text");
    this.#channel.onopen = () => this.#opened();
    this.#channel.onmessage = ({ data }) => this.readyState === OPEN && this.onmessage?.({ data });
    this.#channel.onclose = () => this.#ended("the connection was closed");
    this.#peer.onconnectionstatechange = () => {
      const { connectionState } = this.#peer;
      if (connectionState === "connected") {
        this.#isConnected = true;
        this.#opened();
      } else if (connectionState === "failed" || connectionState === "closed") {
        this.#ended("the connection was lost");
      }
    };
    this.#timer = setTimeout(() => this.#ended("no connection for media"), CONNECT_WITHIN);
    this.#offer(address, offer).catch((error) => this.#ended(error.message));
  }

  async #offer(address, { preset, options, key }) {
    await this.#peer.setLocalDescription();
    await gathered(this.#peer);
    const { sdp, type } = this.#peer.localDescription;
    const headers = { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) };
    const body = JSON.stringify({ sdp, type, webrtc_id: crypto.randomUUID(), preset, options: options ?? {} });
    const response = await fetch(address, { method: "POST", headers, body, credentials: "omit" });
    const answer = await response.json();
    if (!answer.sdp) throw new Error(answer.meta?.message ?? "the offer was refused");
    if (this.readyState !== CLOSED) await this.#peer.setRemoteDescription(answer);
  }

  /** Both are needed: the audio flows when the peer is connected, the texts when the channel is open. */
  #opened() {
    if (this.readyState !== CONNECTING || !this.#isConnected || this.#channel.readyState !== "open") return;
    clearTimeout(this.#timer);
    this.readyState = OPEN;
    this.onopen?.();
  }

  /** Sends a text. */
  send(text) {
    if (this.readyState === OPEN && this.#channel.readyState === "open") this.#channel.send(text);
  }

  /** Goes on with another microphone. */
  async replaceTrack(track) {
    await this.#sender.replaceTrack(track);
  }

  close() {
    this.#ended("");
  }

  #ended(reason) {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    clearTimeout(this.#timer);
    this.#channel.close();
    this.#peer.close();
    this.onclose?.({ reason });
  }
}

/** Waits until the browser has found its addresses, though not for long. */
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((done) => {
    setTimeout(done, GATHER_WITHIN);
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
  });
}
