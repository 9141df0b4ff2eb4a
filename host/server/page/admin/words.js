// Every text of the page for operators. To translate the page, translate this file and the `lang` of index.html.

export const words = {
  title: "Auricle: operation",
  transcribe: "Transcribe",

  keyLabel: "This page asks for an operator's key",
  keyUse: "Use this key",
  keyHint: "`auricle key add NAME --operator` makes one. It is kept in this tab until you close it.",
  keyForget: "Forget the key",

  charts: "The last ten minutes",
  chart: (name, now, most) => `${name} in the last ten minutes: now ${now}, at most ${most}`,
  most: (value) => `most ${value}`,
  unknown: "?",
  chartStreams: "Open streams",
  chartLag: "Greatest lag",
  chartLoad: "Greatest load of a model",
  chartMemory: "Memory of server and workers",

  streams: "Open streams",
  streamsNone: "No stream is open.",
  models: "Presets and their models",
  modelsNone: "There is no preset.",
  engines: "Engines",
  enginesNone: "There is no plugin file.",
  failures: "Failures of late",
  failuresNone: "Nothing has failed since the server started.",

  stream: "Stream",
  preset: "Preset",
  client: "Client",
  pace: "Pace",
  live: "live",
  file: "file",
  open: "Open for",
  audio: "Audio",
  lag: "Lag",
  end: "End",
  endStream: (stream) => `End stream ${stream}`,

  engine: "Engine",
  state: "State",
  count: "Streams",
  load: "Load",
  room: "Room",
  model: "Workers and memory",
  notLoaded: "not loaded",
  inServer: "in the server's process",
  workers: (count, memory) => `${count === 1 ? "1 worker" : `${count} workers`}, ${memory}`,
  restarts: (count) => (count === 1 ? "1 was replaced after it died" : `${count} were replaced after they died`),
  shared: (preset) => `the model of preset ${preset}`,
  of: (part, all) => `${part} of ${all}`,
  warning: (text) => `Warning: ${text}`,
  candidate: (state, reason) => `The new file is ${state}${reason ? `: ${reason}` : ""}`,

  fileName: "File",
  plugin: "Plugin",
  backends: "Backends",
  release: "Release",
  releaseFile: (file) => `Release ${file} from quarantine`,

  time: "Time",
  code: "Code",
  message: "What happened",
  times: (count) => `${count} times`,

  // The states of presets, of their candidates, of plugin files and of the server, by the server's names.
  states: {
    idle: "not loaded",
    loading: "loading",
    ready: "ready",
    unavailable: "unavailable",
    waiting: "waiting for memory",
    refused: "refused",
    registered: "in service",
    superseded: "superseded",
    quarantined: "in quarantine",
    not_a_plugin: "not a plugin",
    starting: "starting",
    stopping: "stopping",
  },
  server: (state, version, connections) => `${state}, version ${version}, ${connections} connections`,

  // Number and unit stay on one line.
  seconds: (seconds) => `${seconds}\u00a0s`,
  percent: (percent) => `${percent}\u00a0%`,
  mebibytes: (mebibytes) => `${mebibytes}\u00a0MiB`,

  ending: (stream, preset) => `End stream ${stream} of preset ${preset}?`,
  endingHint: "Its client gets the text of what was said so far, and is told that an operator ended it.",
  endingYes: "End it",
  endingNo: "Let it go on",
  ended: (stream) => `Stream ${stream} ends.`,
  endedBefore: (stream) => `Stream ${stream} had ended already.`,
  released: (file) => `${file} is released.`,
  releasedBefore: (file) => `${file} was not in quarantine any more.`,

  // What went wrong: a title, and what a person can do.
  problems: {
    noServer: ["The server does not answer", "What is shown here is old. The page tries again every two seconds."],
    unauthorized: ["The server does not know the key", "Type the key again."],
    notOperator: [
      "This key is not an operator's",
      "It may transcribe, but not see or change how the server runs. Use a key with `operator = true`.",
    ],
    pageRefused: [
      "The server does not let this page change anything",
      "It knows pages by their address. Add this one to “origins” in auricle.toml:",
    ],
    failed: ["The server could not do that", ""],
  },
};
