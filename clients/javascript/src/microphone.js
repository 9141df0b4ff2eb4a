// A microphone in a browser: 16-bit samples at 16 kHz, or at the rate of the sound card where a browser cannot convert.
//
// Invariant: after `stop`, or when the device is gone, no more samples come and the browser shows no recording.

import { mix, toPcm } from "./pcm.js";

const RATE = 16_000;
/** A browser's own processing removes parts of speech, and turns the noise of an empty room up until it is as loud as speech. */
const WANTED = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class Microphone {
  #context;
  #media;
  #node;
  #stopped = false;

  /** Samples per second. */
  rate;
  /** The name of the device. */
  label;
  /** The device, as in `navigator.mediaDevices.enumerateDevices()`. */
  device;

  /**
   * Asks for a microphone and starts it. `onSamples` gets arrays of 16-bit samples, about ten a second; `onEnd` is called
   * if the device is removed.
   */
  static async open({ device, onSamples, onEnd, rate = RATE }) {
    if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      throw new DOMException("microphones are available to secure pages only", "SecurityError");
    }
    const audio = device ? { ...WANTED, deviceId: { exact: device } } : WANTED;
    const media = await navigator.mediaDevices.getUserMedia({ audio });
    const microphone = new Microphone();
    microphone.#media = media;
    const [track] = media.getAudioTracks();
    microphone.label = track.label;
    microphone.device = track.getSettings().deviceId;
    try {
      await microphone.#listen(rate, onSamples);
    } catch (error) {
      microphone.stop();
      throw error;
    }
    track.onended = () => {
      if (microphone.#stopped) return;
      microphone.stop();
      onEnd?.();
    };
    return microphone;
  }

  async #listen(rate, onSamples) {
    let source;
    try {
      this.#context = new AudioContext({ sampleRate: rate });
      source = this.#context.createMediaStreamSource(this.#media);
    } catch {
      // This browser does not convert the rate of a microphone. The server does.
      await this.#context?.close();
      this.#context = new AudioContext();
      source = this.#context.createMediaStreamSource(this.#media);
    }
    this.rate = this.#context.sampleRate;
    await this.#context.audioWorklet.addModule(new URL("./recorder_worklet.js", import.meta.url));
    this.#node = new AudioWorkletNode(this.#context, "auricle-recorder", { numberOfOutputs: 0 });
    this.#node.port.onmessage = ({ data }) => {
      if (!this.#stopped) onSamples(toPcm(mix(data)));
    };
    source.connect(this.#node);
    await this.#context.resume();
  }

  /** The track, for WebRTC. */
  get track() {
    return this.#media.getAudioTracks()[0];
  }

  /** Ends the recording and releases the device. */
  stop() {
    this.#stopped = true;
    this.#media.getTracks().forEach((track) => track.stop());
    this.#node?.disconnect();
    if (this.#context?.state !== "closed") this.#context?.close();
  }
}
