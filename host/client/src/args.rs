//! The command line of `auricle stream`.

use super::{server::Server, session::Session};
use auricle_audio::file::{MAX_CHANNELS, Options};
use auricle_core::{AudioFormat, Encoding, native::Pace};
use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::{Map, Value};
use std::{path::PathBuf, time::Duration};

const MORE: &str = "\
The transcript goes to standard output; progress, partial text and timings go to standard error.
Ctrl-C ends the audio and prints the last words; a second Ctrl-C quits at once.

Examples:
  auricle stream talk.flac --preset english
  auricle stream talk.mp3 --preset english --realtime --format jsonl | jq -r 'select(.type == \"segment\").text'
  auricle stream talk.flac --preset english --format srt > talk.srt
  arecord -q -f S16_LE -r 16000 -c 1 -t raw | auricle stream - --raw s16le --preset english --realtime
  auricle stream call.wav --preset phone --multichannel
  auricle stream call.ulaw --raw mulaw --rate 8000 --preset phone --option language=de

Exit codes:
    0  everything was transcribed
    1  standard output cannot be written
    2  the command line is wrong
    3  the file, or a part of it, cannot be read or decoded (the rest was transcribed)
    4  no connection to the server, or it refused the stream
    5  the server ended the stream with an error, or the connection was lost
  130  interrupted twice";

/// Stream audio to a server and print the transcript.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = MORE)]
pub struct StreamArgs {
    /// A WAV, FLAC, MP3, AAC, M4A, WebM or Ogg (Opus, Vorbis, FLAC) file, or `-` for standard input
    ///
    /// The format is detected from the content, not from the name. The file is read while it is streamed, so it may be a pipe. Parts
    /// that cannot be decoded are reported, and the exit code is 3.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The server.
    #[command(flatten)]
    pub server: Server,

    /// The preset to use; `GET /v1/presets` lists them
    #[arg(long, value_name = "NAME")]
    pub preset: String,

    /// Send in real time, as a microphone would
    ///
    /// Without this option the audio is sent as fast as the server accepts it.
    #[arg(long)]
    pub realtime: bool,

    /// If the connection is lost, connect again for up to this long, and go on with the stream
    ///
    /// With 0 the command ends when the connection does. The first connection is tried once in any case. Of live audio 120 s are
    /// kept.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub reconnect: u64,

    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// A field that the preset lets clients set; may be given more than once
    ///
    /// A value that is valid JSON is sent as JSON, any other as a string: `--option language=de --option beam=5`.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = option)]
    pub options: Vec<(String, Value)>,

    /// The sample format of audio without a header
    #[arg(long, value_name = "ENCODING", value_parser = encoding())]
    pub raw: Option<Encoding>,

    /// With --raw: sample rate in Hz, 8000 to 192000 [default: 16000]
    #[arg(long, value_name = "N", requires = "raw", value_parser = clap::value_parser!(u32).range(8_000..=192_000))]
    pub rate: Option<u32>,

    /// With --raw: number of channels, 1 to 64 [default: 1]
    #[arg(long, value_name = "N", requires = "raw", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_CHANNELS)))]
    pub channels: Option<u16>,

    /// Transcribe only this channel, counted from 0; without it all channels are mixed
    ///
    /// Only this channel is sent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..i64::from(MAX_CHANNELS)))]
    pub channel: Option<u16>,

    /// Transcribe each channel by itself
    ///
    /// Each line of text begins with the number of its channel, counted from 0.
    #[arg(long, conflicts_with = "channel")]
    pub multichannel: bool,

    /// Print partial text line by line if standard error is not a terminal
    #[arg(long)]
    pub show_partials: bool,
}

/// Output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The text of each segment, one per line; on a terminal with its times
    Text,
    /// Every message of the server, unchanged, one per line
    Jsonl,
    /// SubRip subtitles: cues of at most two lines of 42 characters, and 7 s
    Srt,
    /// WebVTT subtitles, cut in the same way
    Vtt,
}

impl StreamArgs {
    /// Options for reading the audio.
    pub(super) fn source(&self) -> Options {
        let default = AudioFormat::default();
        let raw = self.raw.map(|encoding| AudioFormat {
            encoding,
            sample_rate: self.rate.unwrap_or(default.sample_rate),
            channels: self.channels.unwrap_or(default.channels),
            channel: None,
        });
        Options { length: None, raw, channel: self.channel }
    }

    /// Options of the session with the server.
    pub(super) fn session(&self) -> Session {
        Session {
            server: self.server.clone(),
            preset: self.preset.clone(),
            options: self.options.iter().cloned().collect::<Map<_, _>>(),
            multichannel: self.multichannel,
            pace: if self.realtime { Pace::Live } else { Pace::File },
            reconnect: Duration::from_secs(self.reconnect),
        }
    }
}

/// The text has no `=`, or nothing before it.
#[derive(Debug, thiserror::Error)]
#[error("must be KEY=VALUE, such as language=de")]
pub struct OptionError;

/// Parses `key=value`. A value that is not JSON is a string.
///
/// # Errors
/// There is no `=`, or no key.
pub fn option(text: &str) -> Result<(String, Value), OptionError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok((key.to_owned(), value))
        }
        _ => Err(OptionError),
    }
}

/// Parses an encoding by its name in the protocol.
fn encoding() -> impl TypedValueParser<Value = Encoding> {
    PossibleValuesParser::new(["s16le", "f32le", "mulaw", "alaw"])
        .try_map(|name| serde_json::from_value(Value::String(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        stream: StreamArgs,
    }

    fn parse(line: &str) -> Result<StreamArgs, clap::Error> {
        Command::try_parse_from(line.split(' ')).map(|command| command.stream)
    }

    #[test]
    fn options_are_json_where_they_can_be() {
        let args = parse("stream a.wav --preset p --option n=5 --option language=de --option words=[\"a\"]").unwrap();
        let options = json!({ "n": 5, "language": "de", "words": ["a"] });
        assert_eq!(Value::Object(args.session().options), options);
        assert_eq!(args.session().pace, Pace::File);
        parse("stream a.wav --preset p --option n").unwrap_err();
    }

    #[test]
    fn raw_audio_has_a_format() {
        let args = parse("stream - --preset p --raw mulaw --rate 8000").unwrap();
        let format = AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, channels: 1, channel: None };
        assert_eq!(args.source().raw, Some(format));
        parse("stream - --preset p --rate 8000").unwrap_err();
        parse("stream - --preset p --raw mulaw --rate 10").unwrap_err();
        parse("stream - --preset p --raw opus").unwrap_err();
        assert_eq!(parse("stream - --preset p").unwrap().source().raw, None);
    }
}
