// `<auricle-captions>`: captions of a microphone in any web page, by one script and one element.
//
// Attributes: `preset` (required), `server` (default: where this script is from), `key`, `options` (JSON), `start-label`,
// `stop-label`. Each event of the stream is dispatched as a `CustomEvent` of type `auricle`.
//
// Invariant: when the element leaves the page, the microphone is off.

import { LiveCaptions } from "./live_captions.js";

/** Segments that are shown; older ones are only in the transcript. */
const SHOWN = 50;

const STYLE = `
  :host { display: block; color: var(--auricle-color, inherit); background: var(--auricle-background, none);
    font-size: var(--auricle-font-size, inherit); line-height: 1.4; }
  :host([hidden]) { display: none; }
  [part=text] { max-height: calc(var(--auricle-lines, 4) * 1.4em); overflow-y: auto; overflow-wrap: anywhere; }
  [part=text] p { margin: 0; }
  [part=partial] { opacity: 0.7; }
  [part=problem] { color: var(--auricle-problem-color, #b00020); }
  button { font: inherit; }
`;

class Captions extends HTMLElement {
  #captions = null;
  #button = made("button", "button");
  #text = made("div", "text");
  #log = made("div", "log");
  #partial = made("p", "partial");
  #problem = made("div", "problem");
  /** Segments of the transcript that are in the page, or were. */
  #seen = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    // Unlike an element, this needs no permission of the page's content security policy.
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    this.#button.type = "button";
    this.#button.onclick = () => this.toggle();
    this.#text.tabIndex = 0;
    this.#text.setAttribute("role", "group");
    // Screen readers read final text once; unstable text would be read again and again.
    for (const [name, value] of [["role", "log"], ["aria-live", "polite"], ["aria-relevant", "additions"]]) {
      this.#log.setAttribute(name, value);
    }
    this.#partial.setAttribute("aria-hidden", "true");
    for (const text of [this.#log, this.#partial]) text.dir = "auto";
    this.#problem.setAttribute("role", "alert");
    this.#text.append(this.#log, this.#partial);
    root.append(this.#button, this.#problem, this.#text);
  }

  /** What has been recognised, or null before the first start. */
  get transcript() {
    return this.#captions?.transcript ?? null;
  }

  /** `idle`, `starting`, `listening`, `lost` or `stopping`. */
  get state() {
    return this.#captions?.state ?? "idle";
  }

  connectedCallback() {
    this.#show();
  }

  disconnectedCallback() {
    this.#captions?.close();
  }

  /** Asks for the microphone and begins. Browsers want a click before. */
  async start() {
    if (this.state !== "idle") return;
    this.#captions?.close();
    const attribute = (name) => this.getAttribute(name) ?? undefined;
    let options;
    try {
      options = JSON.parse(attribute("options") ?? "{}");
    } catch (error) {
      this.#problem.textContent = `The attribute \`options\` is not JSON: ${error.message}`;
      return;
    }
    this.#seen = 0;
    this.#log.replaceChildren();
    this.#captions = new LiveCaptions({
      server: attribute("server") ?? new URL(import.meta.url).origin,
      preset: attribute("preset") ?? "",
      key: attribute("key"),
      options,
      onChange: () => this.#show(),
      onEvent: (event) => this.dispatchEvent(new CustomEvent("auricle", { detail: event })),
    });
    await this.#captions.start();
  }

  /** Ends the recording; its last words still come. */
  async stop() {
    await this.#captions?.stop();
  }

  /** Starts if nothing runs, stops otherwise. */
  toggle() {
    return this.state === "idle" ? this.start() : this.stop();
  }

  #show() {
    const [state, transcript] = [this.state, this.transcript];
    const runs = state !== "idle" && state !== "stopping";
    this.#button.textContent = runs ? (this.getAttribute("stop-label") ?? "Stop captions") : (this.getAttribute("start-label") ?? "Start captions");
    this.#button.disabled = state === "stopping";
    this.#text.setAttribute("aria-label", this.getAttribute("label") ?? "Captions");
    this.dataset.state = state;
    this.#problem.textContent = this.#captions?.problem ?? "";
    if (!transcript) return;
    // Somebody who has scrolled back reads there.
    const follows = this.#text.scrollHeight - this.#text.scrollTop - this.#text.clientHeight < 8;
    for (const segment of transcript.segments.slice(this.#seen)) {
      const line = made("p", "segment");
      line.textContent = segment.text;
      this.#log.append(line);
    }
    this.#seen = transcript.segments.length;
    while (this.#log.childElementCount > SHOWN) this.#log.firstElementChild.remove();
    this.#partial.textContent = transcript.partial?.text ?? "";
    if (follows) this.#text.scrollTop = this.#text.scrollHeight;
  }
}

/** An element that the page can style with `::part`. */
function made(name, part) {
  const element = document.createElement(name);
  element.part.add(part);
  return element;
}

if (!customElements.get("auricle-captions")) customElements.define("auricle-captions", Captions);
