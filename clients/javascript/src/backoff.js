// How long to wait before the next try to connect.

const FIRST_SECONDS = 0.25;
const LONGEST_SECONDS = 5;

/**
 * Seconds before try number `attempt`, which counts from 0: twice as long each time, up to a limit. Up to half of it is
 * left to chance, so that the clients of a server that was restarted do not all come back at once.
 */
export function backoff(attempt, random = Math.random) {
  const longest = Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** Math.min(attempt, 16));
  return longest * (1 - random() / 2);
}
