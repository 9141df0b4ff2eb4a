// Finds the words of a segment in its text. No document here.
//
// Invariant: the texts of the pieces, joined, are the text of the segment, even where the words do not fit it.

/** The text in pieces: `{ text, word }`, where `word` is null for what is between words. */
export function spans({ text, words = [] }) {
  const pieces = [];
  let at = 0;
  for (const word of words) {
    const found = word.text ? text.indexOf(word.text, at) : -1;
    if (found < 0) continue;
    if (found > at) pieces.push({ text: text.slice(at, found), word: null });
    pieces.push({ text: word.text, word });
    at = found + word.text.length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), word: null });
  return pieces;
}

/** How sure a word is, as the name of a style; null if that is not known or not worth a colour. */
export function doubt(confidence) {
  if (confidence === undefined || confidence === null || confidence >= 0.85) return null;
  if (confidence >= 0.65) return "doubt-1";
  return confidence >= 0.4 ? "doubt-2" : "doubt-3";
}
