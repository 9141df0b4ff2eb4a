// What went wrong, as a name in `words.problems`. No document here.

/** Why a microphone did not open. */
export function ofMicrophone(error) {
  switch (error.name) {
    case "SecurityError":
      return "notSecure";
    case "NotAllowedError":
      return "noPermission";
    case "NotFoundError":
      return "noMicrophone";
    case "OverconstrainedError":
      return "otherMicrophone";
    default:
      return "busyMicrophone";
  }
}

const KNOWN = new Set("unauthorized capacity overloaded shutting_down lag_exceeded ended_by_operator unreachable".split(" "));

/** Why a stream failed, with the server's own words where they help. */
export function ofStream({ code, message }) {
  return KNOWN.has(code) ? { problem: code } : { problem: "failed", detail: message };
}

/** Why a file that the server was to read failed, from the status of its answer. */
export function ofUpload(status, message) {
  switch (status) {
    case 400:
    case 415:
      return { problem: "unreadable", detail: message };
    case 401:
      return { problem: "unauthorized" };
    case 413:
      return { problem: "tooLarge" };
    case 429:
    case 503:
      return { problem: "capacity", detail: message };
    default:
      return { problem: "failed", detail: message };
  }
}
