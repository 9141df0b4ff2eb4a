import type { Events, LiveCaptions, Transcript } from "./index.js";

/** `<auricle-captions>`; importing the module defines the element. */
export interface AuricleCaptions extends HTMLElement {
  readonly state: LiveCaptions["state"];
  readonly transcript: Transcript | null;
  start(): Promise<void>;
  stop(): Promise<void>;
  toggle(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "auricle-captions": AuricleCaptions;
  }
  interface HTMLElementEventMap {
    /** Each event of the stream. */
    auricle: CustomEvent<Events["*"]>;
  }
}
