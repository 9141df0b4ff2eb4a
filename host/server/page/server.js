// The HTTP routes of the server that the page uses, and the key for them.
//
// The key is kept for this tab only.

const KEY = "auricle.key";

export class Server {
  address = location.origin;

  get key() {
    return sessionStorage.getItem(KEY) ?? undefined;
  }

  set key(key) {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  }

  async #fetch(path, options = {}) {
    const headers = this.key ? { authorization: `Bearer ${this.key}` } : {};
    return fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  }

  /** What a route says. Throws the status, which is 0 if the server does not answer. */
  async read(path) {
    return (await this.#asked(path)).json();
  }

  /** Has the server do something, and returns what it says. Throws as `read`. */
  async act(path) {
    return (await (await this.#asked(path, { method: "POST" })).text()).trim();
  }

  async #asked(path, options) {
    const answer = await this.#fetch(path, options).catch(() => null);
    if (!answer) throw new StatusError(0);
    if (!answer.ok) throw new StatusError(answer.status, (await answer.text()).trim());
    return answer;
  }

  /** The presets that the key may use. Throws as `read`. */
  async presets() {
    return (await this.read("/v1/presets")).presets;
  }

  /** Whether audio can go over WebRTC. */
  async hasWebRtc() {
    return (await this.read("/webrtc").catch(() => null))?.enabled === true;
  }

  /** Why a stream could not be opened: browsers do not tell a page. */
  async whyNoStream() {
    try {
      await this.presets();
      return "pageRefused";
    } catch (error) {
      return error.status === 401 ? "unauthorized" : "noServer";
    }
  }

  /** Has the server read a file that this browser cannot read. Returns the segments. */
  async transcribe(file, preset, language, signal) {
    const query = new URLSearchParams({ model: preset, utterances: "true", punctuate: "true" });
    if (language) query.set("language", language);
    const answer = await this.#fetch(`/v1/listen?${query}`, { method: "POST", body: file, signal });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new StatusError(answer.status, body.err_msg);
    return (body.results?.utterances ?? []).map(({ start, end, transcript, words }) => ({
      start,
      end,
      text: transcript,
      words: words.map((word) => ({ ...word, text: word.punctuated_word ?? word.word })),
    }));
  }
}

export class StatusError extends Error {
  constructor(status, message = "") {
    super(message);
    this.status = status;
  }
}
