// Small helpers for the document.

export const $ = (id) => document.getElementById(id);

/** A new element with properties and children. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Fills in the texts of the document. */
export function fillWords(words) {
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = words[element.dataset.words];
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", words[element.dataset.label]);
  for (const element of document.querySelectorAll("[data-title]")) element.title = words[element.dataset.title];
}

/** Sets the text of an element, unless it has it: screen readers would say it again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** `1:02`, `1:02:03`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
