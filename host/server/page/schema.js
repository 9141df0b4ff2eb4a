// The open fields of a preset: what kind of input each has, and its value from the text in that input. No document here.
//
// Invariant: a field that was not touched is not sent, so that the preset's own value applies.

/** How a field is asked for: `{ name, kind, label, hint, preset?, choices?, min?, max?, integer? }`; `preset` is what applies without it. */
export function field(name, schema) {
  const common = { name, label: label(name), hint: schema.description ?? "", preset: schema.default };
  if (Array.isArray(schema.enum)) return { ...common, kind: "choice", choices: schema.enum };
  switch (schema.type) {
    case "boolean":
      return { ...common, kind: "boolean" };
    case "integer":
    case "number":
      return { ...common, kind: "number", integer: schema.type === "integer", min: schema.minimum, max: schema.maximum };
    case "string":
      return { ...common, kind: "text" };
    case "array":
      return schema.items?.type === "string" ? { ...common, kind: "list" } : { ...common, kind: "json" };
    default:
      return { ...common, kind: "json" };
  }
}

/** Whether a field is the language, which stands beside the preset. */
export function isLanguage(name) {
  return name === "lan" || name === "language";
}

/** The value of a field, `undefined` if its input is empty. Throws the kind of value that it wants. */
export function value(field, text) {
  const typed = text.trim();
  if (!typed) return undefined;
  switch (field.kind) {
    case "boolean":
      return typed === "true";
    case "choice":
      return field.choices[Number(typed)];
    case "number": {
      const number = Number(typed.replace(",", "."));
      if (!Number.isFinite(number) || (field.integer && !Number.isInteger(number))) {
        throw new TypeError(field.integer ? "wantsInteger" : "wantsNumber");
      }
      return number;
    }
    case "list":
      return typed.split("\n").map((line) => line.trim()).filter(Boolean);
    case "json":
      try {
        return JSON.parse(typed);
      } catch {
        throw new TypeError("wantsJson");
      }
    default:
      return typed;
  }
}

/** What applies to a field without it, as a person would type it; empty if there is nothing or nobody says. */
export function written({ kind, preset }) {
  if (preset === undefined || preset === null) return "";
  if (kind === "list" && Array.isArray(preset)) return preset.join("\n");
  return typeof preset === "object" ? JSON.stringify(preset) : String(preset);
}

/** `rule1_min_trailing_silence` as `Rule1 min trailing silence`. */
function label(name) {
  const spaced = name.replaceAll("_", " ").trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
