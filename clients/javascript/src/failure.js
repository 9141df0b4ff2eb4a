// Why a stream ended, and whether another try makes sense.

/** Failures after which another try makes sense, beside a connection that breaks. */
const PASSING = new Set(["capacity", "overloaded", "shutting_down", "slow_reader", "idle_timeout"]);

/** Why a stream ended without its text. `code` is a code of the server, `unreachable` or `closed`. */
export class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.name = "Failure";
    this.code = code;
  }
}

/** Whether another try makes sense. */
export function passes({ code }) {
  return code === "unreachable" || PASSING.has(code);
}
