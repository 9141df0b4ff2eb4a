//! The messages of Riva's speech recognition (protobuf package `nvidia.riva.asr`). Fields that have no meaning here are left out,
//! and skipped when they are read. Times of words are in milliseconds, others in seconds.

use prost::{Enumeration, Message, Oneof, bytes::Bytes};

/// The path of a recording's request.
pub const RECOGNIZE: &str = "/nvidia.riva.asr.RivaSpeechRecognition/Recognize";
/// The path of live audio.
pub const STREAMING_RECOGNIZE: &str = "/nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize";
/// The path of the list of models.
pub const GET_CONFIG: &str = "/nvidia.riva.asr.RivaSpeechRecognition/GetRivaSpeechRecognitionConfig";

/// How audio is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum AudioEncoding {
    /// As the audio itself shows.
    Unspecified = 0,
    /// 16-bit signed integers, little-endian, or a WAV file.
    LinearPcm = 1,
    /// A FLAC file.
    Flac = 2,
    /// G.711 mu-law.
    Mulaw = 3,
    /// Opus in Ogg.
    OggOpus = 4,
    /// G.711 A-law.
    Alaw = 20,
}

/// An id that a client gives to a request.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RequestId {
    /// The id.
    #[prost(string, tag = "1")]
    pub value: String,
}

/// A message of which only the presence matters.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Present {}

/// What is asked of a recognition.
#[derive(Clone, PartialEq, Message)]
pub struct RecognitionConfig {
    /// The coding.
    #[prost(enumeration = "AudioEncoding", tag = "1")]
    pub encoding: i32,
    /// The sample rate of audio without a header, in Hz.
    #[prost(int32, tag = "2")]
    pub sample_rate_hertz: i32,
    /// The spoken language, a BCP 47 tag.
    #[prost(string, tag = "3")]
    pub language_code: String,
    /// The largest number of alternatives.
    #[prost(int32, tag = "4")]
    pub max_alternatives: i32,
    /// Whether profanities are masked.
    #[prost(bool, tag = "5")]
    pub profanity_filter: bool,
    /// Phrases that are likely to be spoken.
    #[prost(message, repeated, tag = "6")]
    pub speech_contexts: Vec<SpeechContext>,
    /// The channels of audio without a header.
    #[prost(int32, tag = "7")]
    pub audio_channel_count: i32,
    /// Whether results have words with their times.
    #[prost(bool, tag = "8")]
    pub enable_word_time_offsets: bool,
    /// Whether the text is punctuated.
    #[prost(bool, tag = "11")]
    pub enable_automatic_punctuation: bool,
    /// Whether each channel is recognized by itself.
    #[prost(bool, tag = "12")]
    pub enable_separate_recognition_per_channel: bool,
    /// The model.
    #[prost(string, tag = "13")]
    pub model: String,
    /// Whether numbers stay written out.
    #[prost(bool, tag = "14")]
    pub verbatim_transcripts: bool,
    /// Tells the speakers apart.
    #[prost(message, optional, tag = "19")]
    pub diarization_config: Option<SpeakerDiarizationConfig>,
    /// Fields of the server's own.
    #[prost(btree_map = "string, string", tag = "24")]
    pub custom_configuration: std::collections::BTreeMap<String, String>,
    /// When an utterance ends.
    #[prost(message, optional, tag = "25")]
    pub endpointing_config: Option<Present>,
}

/// Whether the speakers are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct SpeakerDiarizationConfig {
    /// Whether they are.
    #[prost(bool, tag = "1")]
    pub enable_speaker_diarization: bool,
}

/// Phrases that are likely to be spoken.
#[derive(Clone, PartialEq, Message)]
pub struct SpeechContext {
    /// The phrases.
    #[prost(string, repeated, tag = "1")]
    pub phrases: Vec<String>,
}

/// A recording.
#[derive(Clone, PartialEq, Message)]
pub struct RecognizeRequest {
    /// What is asked for.
    #[prost(message, optional, tag = "1")]
    pub config: Option<RecognitionConfig>,
    /// The audio, with or without a header.
    #[prost(bytes = "bytes", tag = "2")]
    pub audio: Bytes,
    /// Returned with the response.
    #[prost(message, optional, tag = "100")]
    pub id: Option<RequestId>,
}

/// The text of a recording.
#[derive(Clone, PartialEq, Message)]
pub struct RecognizeResponse {
    /// The segments, of each channel in order.
    #[prost(message, repeated, tag = "1")]
    pub results: Vec<SpeechRecognitionResult>,
    /// That of the request, else the id of the stream.
    #[prost(message, optional, tag = "100")]
    pub id: Option<RequestId>,
}

/// A segment of a recording.
#[derive(Clone, PartialEq, Message)]
pub struct SpeechRecognitionResult {
    /// The text; there is one alternative.
    #[prost(message, repeated, tag = "1")]
    pub alternatives: Vec<SpeechRecognitionAlternative>,
    /// The channel, from 1.
    #[prost(int32, tag = "2")]
    pub channel_tag: i32,
    /// The audio up to the segment's end.
    #[prost(float, tag = "3")]
    pub audio_processed: f32,
}

/// A text.
#[derive(Clone, PartialEq, Message)]
pub struct SpeechRecognitionAlternative {
    /// The text; that of a segment ends with what separates segments.
    #[prost(string, tag = "1")]
    pub transcript: String,
    /// From 0 to 1; 0 if it is unknown.
    #[prost(float, tag = "2")]
    pub confidence: f32,
    /// The words, if they were asked for.
    #[prost(message, repeated, tag = "3")]
    pub words: Vec<WordInfo>,
    /// The language, if the engine detects it.
    #[prost(string, repeated, tag = "4")]
    pub language_code: Vec<String>,
}

/// A word.
#[derive(Clone, PartialEq, Message)]
pub struct WordInfo {
    /// In milliseconds.
    #[prost(int32, tag = "1")]
    pub start_time: i32,
    /// In milliseconds.
    #[prost(int32, tag = "2")]
    pub end_time: i32,
    /// The word.
    #[prost(string, tag = "3")]
    pub word: String,
    /// From 0 to 1; 0 if it is unknown.
    #[prost(float, tag = "4")]
    pub confidence: f32,
}

/// A message of a live stream: the settings first, then audio.
#[derive(Clone, PartialEq, Message)]
pub struct StreamingRecognizeRequest {
    /// Settings or audio.
    #[prost(oneof = "StreamingRequest", tags = "1, 2")]
    pub streaming_request: Option<StreamingRequest>,
    /// Settings that change during the stream.
    #[prost(btree_map = "string, string", tag = "3")]
    pub runtime_config: std::collections::BTreeMap<String, String>,
    /// Returned with the responses.
    #[prost(message, optional, tag = "100")]
    pub id: Option<RequestId>,
}

/// What a message of a live stream has.
#[derive(Clone, PartialEq, Oneof)]
pub enum StreamingRequest {
    /// The settings.
    #[prost(message, tag = "1")]
    StreamingConfig(StreamingRecognitionConfig),
    /// Audio.
    #[prost(bytes = "bytes", tag = "2")]
    AudioContent(Bytes),
}

/// What is asked of a live stream.
#[derive(Clone, PartialEq, Message)]
pub struct StreamingRecognitionConfig {
    /// What is asked of the recognition.
    #[prost(message, optional, tag = "1")]
    pub config: Option<RecognitionConfig>,
    /// Whether texts that may change are sent.
    #[prost(bool, tag = "2")]
    pub interim_results: bool,
}

/// Texts of a live stream.
#[derive(Clone, PartialEq, Message)]
pub struct StreamingRecognizeResponse {
    /// The texts.
    #[prost(message, repeated, tag = "1")]
    pub results: Vec<StreamingRecognitionResult>,
    /// That of the first message, else the id of the stream.
    #[prost(message, optional, tag = "100")]
    pub id: Option<RequestId>,
}

/// A text of a live stream.
#[derive(Clone, PartialEq, Message)]
pub struct StreamingRecognitionResult {
    /// The text; there is one alternative.
    #[prost(message, repeated, tag = "1")]
    pub alternatives: Vec<SpeechRecognitionAlternative>,
    /// Whether it is a segment, which does not change.
    #[prost(bool, tag = "2")]
    pub is_final: bool,
    /// 1 for a segment, else unknown (0).
    #[prost(float, tag = "3")]
    pub stability: f32,
    /// The channel, from 1.
    #[prost(int32, tag = "5")]
    pub channel_tag: i32,
    /// The audio up to the text's end.
    #[prost(float, tag = "6")]
    pub audio_processed: f32,
}

/// Asks for the models.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RivaSpeechRecognitionConfigRequest {
    /// Only this one.
    #[prost(string, tag = "1")]
    pub model_name: String,
}

/// The models.
#[derive(Clone, PartialEq, Message)]
pub struct RivaSpeechRecognitionConfigResponse {
    /// The models.
    #[prost(message, repeated, tag = "1")]
    pub model_config: Vec<ModelConfig>,
}

/// A model.
#[derive(Clone, PartialEq, Message)]
pub struct ModelConfig {
    /// Its name.
    #[prost(string, tag = "1")]
    pub model_name: String,
    /// Its properties.
    #[prost(btree_map = "string, string", tag = "2")]
    pub parameters: std::collections::BTreeMap<String, String>,
}
