// Times of events. Nothing here keeps state.

/** An event with its times later by some seconds. */
export function shift(event, seconds) {
  if (!seconds) return event;
  const later = { ...event };
  for (const name of ["start", "end", "time"]) {
    if (name in later) later[name] = Math.round((later[name] + seconds) * 1000) / 1000;
  }
  if (later.words) later.words = later.words.map((word) => shift(word, seconds));
  return later;
}
