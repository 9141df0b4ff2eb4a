// The settings: preset, microphone, and the preset's open fields, made from their schemas.
//
// Invariant: what was typed for a preset is kept while the preset is, also when the list is read again.

import { $, make, say } from "./dom.js";
import { field, isLanguage, value, written } from "./schema.js";
import { words } from "./words.js";

const PRESET = "auricle.preset";
/** Offered as languages; any other tag can be typed. */
const LANGUAGES = "en de fr es it pt nl pl cs ru uk tr ar he fa hi ur bn zh ja ko vi id th sv da nb fi el hu ro".split(" ");

export class Form {
  #presets = [];
  #inputs = [];
  #shown = null;

  constructor({ onDevice }) {
    $("preset").addEventListener("change", () => {
      localStorage.setItem(PRESET, $("preset").value);
      this.#show();
    });
    $("device").addEventListener("change", () => onDevice($("device").value));
    $("settings").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Takes the presets of the server. */
  set presets(presets) {
    this.#presets = presets;
    const wanted = $("preset").value || localStorage.getItem(PRESET);
    const option = ({ name, title, state }) => {
      const text = title && title !== name ? `${name}: ${title}` : name;
      return make("option", { value: name, textContent: text, disabled: state === "unavailable" });
    };
    $("preset").replaceChildren(...presets.map(option));
    const usable = presets.filter((preset) => preset.state !== "unavailable");
    const chosen = usable.find((preset) => preset.name === wanted) ?? usable[0] ?? presets[0];
    if (chosen) $("preset").value = chosen.name;
    this.#show();
  }

  /** The chosen preset; undefined if there is none that can be used. */
  get preset() {
    const preset = this.#presets.find(({ name }) => name === $("preset").value);
    return preset?.state === "unavailable" ? undefined : preset?.name;
  }

  /** The fields that were filled in. Throws a text for people if one cannot be sent. */
  get options() {
    const options = {};
    for (const { field, input } of this.#inputs) {
      try {
        const given = value(field, input.value);
        if (given !== undefined) options[field.name] = given;
        input.removeAttribute("aria-invalid");
      } catch (error) {
        input.setAttribute("aria-invalid", "true");
        $("more").open = true;
        input.focus();
        throw new TypeError(words.optionWrong(field.label, words[error.message]), { cause: error });
      }
    }
    return options;
  }

  get device() {
    return $("device").value || undefined;
  }

  /** Lists the microphones. Their names are known once the page may use one. */
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const inputs = all.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId && deviceId !== "default");
    const wanted = $("device").value;
    const options = inputs.map(({ deviceId, label }, n) =>
      make("option", { value: deviceId, textContent: label || words.deviceNameless(n + 1) }),
    );
    $("device").replaceChildren(make("option", { value: "", textContent: words.deviceDefault }), ...options);
    $("device").value = inputs.some(({ deviceId }) => deviceId === wanted) ? wanted : "";
    $("device-field").hidden = !navigator.mediaDevices;
  }

  #show() {
    const preset = this.#presets.find(({ name }) => name === $("preset").value);
    this.#note(preset);
    const schemas = Object.entries(preset?.options ?? {});
    const shown = JSON.stringify([preset?.name, schemas]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#inputs = [];
    const rows = schemas.map(([name, schema]) => [name, this.#row(field(name, schema))]);
    $("language-field").replaceChildren(...rows.filter(([name]) => isLanguage(name)).map(([, row]) => row));
    const others = rows.filter(([name]) => !isLanguage(name)).map(([, row]) => row);
    $("options").replaceChildren(...others);
    $("more").hidden = !others.length;
  }

  #note(preset) {
    const notes = {
      idle: words.presetIdle,
      loading: words.presetLoading,
      unavailable: words.presetUnavailable(preset?.reason ?? ""),
      ready: "",
    };
    const note = preset ? notes[preset.state] : words.presetNone;
    say($("preset-note"), note);
    $("preset-note").hidden = !note;
  }

  #row(field) {
    const id = `option-${field.name}`;
    const language = isLanguage(field.name);
    const input = Object.assign(inputOf(field), { id });
    this.#inputs.push({ field, input });
    const name = make("label", { htmlFor: id, textContent: language ? words.language : field.label });
    const row = make("div", { className: "field" }, name, input);
    if (language && field.kind === "text") row.append(this.#languages(input));
    const range = field.min === undefined || field.max === undefined ? "" : words.range(field.min, field.max);
    const hint = [field.hint, range].filter(Boolean).join("; ");
    if (hint && !language) {
      row.append(make("p", { className: "hint", id: `${id}-hint`, textContent: hint }));
      input.setAttribute("aria-describedby", `${id}-hint`);
    }
    return row;
  }

  #languages(input) {
    const names = new Intl.DisplayNames([document.documentElement.lang], { type: "language" });
    const list = make("datalist", { id: `${input.id}-list` });
    list.append(...LANGUAGES.map((tag) => make("option", { value: tag, textContent: names.of(tag) })));
    input.setAttribute("list", list.id);
    return list;
  }
}

/** The element in which a field is given. An empty one leaves it to the preset. */
function inputOf(field) {
  const { kind, choices, integer } = field;
  const preset = written(field);
  const said = kind === "boolean" && preset ? (preset === "true" ? words.yes : words.no) : preset;
  const placeholder = said ? words.isPreset(said) : words.asPreset;
  const select = (choices) => {
    const options = [["", placeholder], ...choices];
    return make("select", {}, ...options.map(([value, textContent]) => make("option", { value, textContent })));
  };
  switch (kind) {
    case "boolean":
      return select([["true", words.yes], ["false", words.no]]);
    case "choice":
      return select(choices.map((choice, n) => [String(n), String(choice)]));
    case "list":
      return make("textarea", { rows: 3, placeholder: preset || words.listHint, dir: "auto" });
    case "number":
      return make("input", { type: "text", inputMode: integer ? "numeric" : "decimal", placeholder });
    default:
      return make("input", { type: "text", placeholder, autocomplete: "off", dir: "auto" });
  }
}
