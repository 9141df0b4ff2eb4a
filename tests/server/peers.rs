//! A client of every dialect behind one interface, for tests that treat all dialects alike.
//!
//! Each sends what the clients of its protocol send, and says what its protocol has no place for.

mod grpc;
mod http;
mod moshi;
mod realtime;
mod scripts;
mod tcp;
mod telephone;
mod turns;
mod websocket;

use auricle_tests::{Host, Setup};

/// A listener for each dialect that cannot share one, behind the main one.
const LISTENERS: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\n\
                         [[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"wyoming\"]\n\
                         [[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"riva\"]\n";
/// The dialects whose settings have a preset for clients that name none.
const WITH_DEFAULT: [&str; 12] = [
    "vosk",
    "sherpa",
    "whisper-live",
    "whisper-live-kit",
    "deepgram",
    "assemblyai",
    "moshi",
    "telephone",
    "openai-realtime",
    "hisi",
    "riva",
    "wyoming",
];

/// A dialect as a column of the table, with the way to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Native,
    OpenAi,
    Vosk,
    Sherpa,
    SherpaOffline,
    WhisperLive,
    WhisperLiveKit,
    Deepgram,
    /// Deepgram's requests for recordings.
    DeepgramRecordings,
    Flux,
    AssemblyAi,
    Moshi,
    Telephone,
    Realtime,
    /// The original server's requests for files.
    Hisi,
    Riva,
    Wyoming,
}

pub(crate) const DIALECTS: [Dialect; 17] = [
    Dialect::Native,
    Dialect::OpenAi,
    Dialect::Vosk,
    Dialect::Sherpa,
    Dialect::SherpaOffline,
    Dialect::WhisperLive,
    Dialect::WhisperLiveKit,
    Dialect::Deepgram,
    Dialect::DeepgramRecordings,
    Dialect::Flux,
    Dialect::AssemblyAi,
    Dialect::Moshi,
    Dialect::Telephone,
    Dialect::Realtime,
    Dialect::Hisi,
    Dialect::Riva,
    Dialect::Wyoming,
];

/// Where a client shows its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    /// `Authorization`, with the scheme of the dialect's clients.
    Header,
    Query,
    Subprotocol,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) key: Option<(KeyPlace, &'a str)>,
    pub(crate) model: Option<&'a str>,
    pub(crate) language: Option<&'a str>,
    /// A phrase that is likely to be spoken.
    pub(crate) phrase: Option<&'a str>,
    pub(crate) channels: Channels,
    /// Times of words, where a client has to ask for them.
    pub(crate) times: bool,
    /// Nothing: not even the first message.
    pub(crate) silent: bool,
}

/// What becomes of the audio's channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Channels {
    #[default]
    One,
    Mixed,
    Apart,
}

/// The protocol has no place for what a client asks for.
#[derive(Debug)]
pub(crate) struct NoPlace;

/// What a client was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Texts that may change.
    pub(crate) partials: usize,
    /// Final texts, each with its channel.
    pub(crate) finals: Vec<(usize, String)>,
    /// The times of words: text, start, end in seconds.
    pub(crate) times: Vec<(String, f64, f64)>,
    pub(crate) confidences: usize,
    /// Final texts when the answer to a flush arrived.
    pub(crate) flushed: Option<usize>,
    /// Whether a keep-alive was answered.
    pub(crate) kept_alive: bool,
    /// Why it failed, in the dialect's form.
    pub(crate) refused: Option<String>,
    /// What is for people in that, for the test.
    pub(crate) reason: String,
}

impl Told {
    /// The words of a channel.
    pub(crate) fn words(&self, channel: usize) -> Vec<String> {
        let texts = self.finals.iter().filter(|(of, _)| *of == channel);
        texts.flat_map(|(_, text)| auricle_tests::words(text)).collect()
    }
}

/// A client in a conversation.
pub(crate) trait Peer {
    /// Sends audio: 16 kHz, one channel or as many as it asked for.
    fn audio(&mut self, audio: &[i16]);

    /// Asks for the text so far. False if the protocol cannot.
    fn flush(&mut self) -> bool;

    /// Sends a message that only keeps the connection open. False if the protocol has none.
    fn keep_alive(&mut self) -> bool;

    /// Sends what is no message of the protocol. False if it has no such thing.
    fn babble(&mut self) -> bool;

    /// Ends the audio and reads to the end.
    fn finish(self: Box<Self>) -> Told;

    /// Reads to the end without ending the audio.
    fn listen(self: Box<Self>) -> Told;
}

impl Dialect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OpenAi => "openai",
            Self::Vosk => "vosk",
            Self::Sherpa => "sherpa",
            Self::SherpaOffline => "sherpa-offline",
            Self::WhisperLive => "whisper-live",
            Self::WhisperLiveKit => "whisper-live-kit",
            Self::Deepgram => "deepgram",
            Self::DeepgramRecordings => "deepgram, recordings",
            Self::Flux => "deepgram-flux",
            Self::AssemblyAi => "assemblyai",
            Self::Moshi => "moshi",
            Self::Telephone => "telephone",
            Self::Realtime => "openai-realtime",
            Self::Hisi => "hisi",
            Self::Riva => "riva",
            Self::Wyoming => "wyoming",
        }
    }

    /// Connects. The preset `digits` or `english` is the default of every dialect that has one.
    pub(crate) fn connect(self, host: &Host, ask: &Ask<'_>) -> Result<Box<dyn Peer>, NoPlace> {
        match self {
            Self::OpenAi | Self::DeepgramRecordings | Self::Hisi => http::connect(self, host, ask),
            Self::Riva => grpc::connect(host, ask),
            Self::Wyoming => tcp::connect(host, ask),
            _ => websocket::connect(scripts::of(self), host, ask),
        }
    }
}

/// Adds the listeners, and a preset for clients that name none.
pub(crate) fn for_all(setup: Setup, preset: &str, more: &str) -> Setup {
    let defaults = WITH_DEFAULT.map(|name| format!("[dialects.{name}]\npreset = \"{preset}\"\n")).concat();
    setup.settings(&format!("{more}\n{defaults}{LISTENERS}"))
}
