// A transcript as a file: text, SubRip, WebVTT, JSON. Nothing here keeps state.

/** Longer segments are split into several captions, if the times of their words are known. */
const MAX_CHARACTERS = 84;
const MAX_SECONDS = 7;
/** Characters of a line; a caption has two. */
const LINE = 42;

/** One line for each segment. */
export function toText(segments) {
  return segments.map((segment) => `${oneLine(segment.text)}\n`).join("");
}

/** SubRip. */
export function toSrt(segments) {
  const cue = ({ start, end, text }, n) => `${n + 1}\n${clock(start, ",")} --> ${clock(end, ",")}\n${lines(text)}\n`;
  return captions(segments).map(cue).join("\n");
}

/** WebVTT. */
export function toVtt(segments) {
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const cue = ({ start, end, text }) => `\n${clock(start, ".")} --> ${clock(end, ".")}\n${escaped(lines(text))}\n`;
  return `WEBVTT\n${captions(segments).map(cue).join("")}`;
}

/** Everything that is known, with two spaces of indentation. */
export function toJson(transcript) {
  const { text, segments, gaps } = transcript;
  return `${JSON.stringify({ text, segments, gaps }, null, 2)}\n`;
}

/** Segments cut into pieces that fit on a screen. */
function captions(segments) {
  return segments.flatMap((segment) => {
    const fits = segment.text.length <= MAX_CHARACTERS && segment.end - segment.start <= MAX_SECONDS;
    if (fits || !segment.words?.length) return [segment];
    const pieces = [];
    for (const word of segment.words) {
      const last = pieces.at(-1);
      const text = last ? `${last.text} ${word.text}` : word.text;
      if (last && text.length <= MAX_CHARACTERS && word.end - last.start <= MAX_SECONDS) {
        Object.assign(last, { text, end: word.end });
      } else {
        pieces.push({ start: word.start, end: word.end, text: word.text });
      }
    }
    return pieces;
  });
}

/** The text in lines of a caption. An empty line would end the caption. */
function lines(text) {
  const broken = [""];
  for (const word of oneLine(text).split(" ")) {
    const longer = broken.at(-1) ? `${broken.at(-1)} ${word}` : word;
    if (longer.length <= LINE || !broken.at(-1)) broken[broken.length - 1] = longer;
    else broken.push(word);
  }
  return broken.join("\n");
}

function oneLine(text) {
  return text.replace(/\s+/g, " ").trim();
}

/** `00:01:02,345`. */
function clock(seconds, point) {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  const part = (unit, modulus, digits = 2) => String(Math.floor(milliseconds / unit) % modulus).padStart(digits, "0");
  const hours = String(Math.floor(milliseconds / 3_600_000)).padStart(2, "0");
  return `${hours}:${part(60_000, 60)}:${part(1000, 60)}${point}${part(1, 1000, 3)}`;
}
