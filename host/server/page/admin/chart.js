// A small line chart with its number.

import { make, say } from "/page/dom.js";
import { Series } from "./series.js";
import { words } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [300, 64];

export class Chart {
  element = make("figure", { className: "card chart" });

  #series = new Series();
  #name;
  #least;
  #text;
  #now = make("strong");
  #most = make("span", { className: "hint" });
  #picture = drawn("svg", { viewBox: `0 -2 ${WIDTH} ${HEIGHT + 4}`, preserveAspectRatio: "none", role: "img" });
  #line = drawn("path", { class: "line" });

  /** The scale goes from 0 to the greatest number, and at least to `least`; `text` says a number in words. */
  constructor(name, least, text) {
    this.#name = name;
    this.#least = least;
    this.#text = (value) => (value === null ? words.unknown : text(value));
    const ground = drawn("path", { class: "ground", d: `M0 ${HEIGHT}H${WIDTH}` });
    this.#picture.append(ground, this.#line);
    const caption = make("figcaption", {}, make("span", { textContent: name }), this.#now, this.#most);
    this.element.append(caption, this.#picture);
  }

  /** Takes the number of now; null if it is not known. */
  add(time, value) {
    this.#series.add(time, value);
    const { now, most } = this.#series;
    say(this.#now, this.#text(now));
    say(this.#most, words.most(this.#text(most)));
    this.#line.setAttribute("d", this.#series.line(WIDTH, HEIGHT, Math.max(most ?? 0, this.#least)));
    this.#picture.setAttribute("aria-label", words.chart(this.#name, this.#text(now), this.#text(most)));
  }
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
