// The transcript in the document.
//
// Invariant: each final segment is one item of the list, in the order of the transcript, and does not change. The partial
// text stands below the list, where its segment will be.

import { $, clock, make, say } from "./dom.js";
import { doubt, spans } from "./spans.js";
import { words } from "./words.js";

/** Closer than this to the end of the page, it follows the text. */
const NEAR = 160;

export class View {
  #onPlay;
  #starts = [];
  #playing = null;

  /** `onPlay` is called with the time to play from. */
  constructor({ onPlay }) {
    this.#onPlay = onPlay;
    $("segments").addEventListener("click", ({ target }) => {
      const at = target.closest("[data-start]")?.dataset.start;
      if (at !== undefined && !getSelection().toString()) this.#onPlay(Number(at));
    });
    $("segments").addEventListener("keydown", (event) => this.#move(event));
  }

  clear() {
    $("segments").replaceChildren();
    this.#starts = [];
    this.#playing = null;
    this.partial(null);
    $("welcome").hidden = false;
  }

  segment(segment) {
    const pieces = spans(segment).map(({ text, word }) => (word ? this.#word(text, word) : text));
    const time = make("button", { type: "button", className: "time", textContent: clock(segment.start) });
    time.dataset.start = segment.start;
    time.setAttribute("aria-label", words.playFrom(clock(segment.start)));
    // One stop of the tab key for all of them; the arrow keys go from one to the next.
    time.tabIndex = this.#starts.length ? -1 : 0;
    const text = make("p", { dir: "auto" }, ...pieces);
    if (segment.language) text.lang = segment.language;
    this.#append(make("li", {}, time, text));
    this.#starts.push(segment.start);
  }

  gap({ start, end }) {
    const text = make("p", { className: "gap", textContent: words.gap(clock(start), clock(end)) });
    this.#append(make("li", {}, make("span", { className: "time", textContent: clock(start) }), text));
    this.#starts.push(start);
  }

  #word(text, { start, confidence }) {
    const span = make("span", { textContent: text, className: "word" });
    span.dataset.start = start;
    const shade = doubt(confidence);
    if (shade) {
      span.classList.add(shade);
      span.title = words.sure(Math.round(confidence * 100));
    }
    return span;
  }

  #append(item) {
    this.#follow(() => $("segments").append(item));
    $("welcome").hidden = true;
  }

  partial(partial) {
    this.#follow(() => {
      $("partial").hidden = !partial;
      say($("partial-text"), partial?.text ?? "");
      say($("partial-time"), partial ? clock(partial.start) : "");
    });
    if (partial) $("welcome").hidden = true;
  }

  /** Marks the segment that is played. */
  playing(seconds) {
    const n = this.#starts.findLastIndex((start) => start <= seconds + 0.05);
    const item = $("segments").children[n] ?? null;
    if (item === this.#playing) return;
    this.#playing?.classList.remove("playing");
    item?.classList.add("playing");
    this.#playing = item;
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches("button.time")) return;
    const all = [...$("segments").querySelectorAll("button.time")];
    const next = all[all.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  /** Changes the text, and shows its end if that was in sight. */
  #follow(change) {
    const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
    const near = scrollHeight - clientHeight - scrollTop < NEAR;
    change();
    if (near && $("welcome").hidden) scrollTo({ top: document.documentElement.scrollHeight });
  }
}
