//! The messages of the dialects over WebSocket.

use super::{
    Ask, Channels, Dialect, NoPlace, Told,
    moshi::Moshi,
    realtime::Realtime,
    telephone::Telephone,
    turns::{AssemblyAi, Flux},
    websocket::Script,
};
use auricle_tests::bytes;
use serde_json::{Value, json};
use tungstenite::Message;

/// Samples in a message.
const PIECE: usize = 3_200;

pub(super) fn of(dialect: Dialect) -> Box<dyn Script> {
    match dialect {
        Dialect::Native => Box::new(Native),
        Dialect::Vosk => Box::new(Vosk),
        Dialect::Sherpa => Box::new(Sherpa),
        Dialect::SherpaOffline => Box::new(SherpaOffline(Vec::new())),
        Dialect::WhisperLive => Box::new(WhisperLive { settled: 0.0, partial: None }),
        Dialect::WhisperLiveKit => Box::new(WhisperLiveKit),
        Dialect::Deepgram => Box::new(Deepgram),
        Dialect::Flux => Box::new(Flux),
        Dialect::AssemblyAi => Box::new(AssemblyAi),
        Dialect::Moshi => Box::new(Moshi),
        Dialect::Telephone => Box::new(Telephone),
        Dialect::Realtime => Box::new(Realtime::default()),
        _ => unreachable!("not over WebSocket"),
    }
}

pub(super) fn samples(audio: &[i16]) -> Vec<Message> {
    audio.chunks(PIECE).map(|piece| Message::binary(bytes(piece))).collect()
}

fn floats(audio: &[i16]) -> Vec<u8> {
    audio.iter().flat_map(|sample| (f32::from(*sample) / 32_768.0).to_le_bytes()).collect()
}

pub(super) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// A number that some protocols write as a text.
fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("no number: {value}"))
}

/// Adds words with the names that a protocol has for text and confidence.
pub(super) fn add_words(told: &mut Told, words: &Value, text: &str, confidence: &str) {
    for word in words.as_array().into_iter().flatten() {
        told.times.push((word[text].as_str().unwrap().trim().to_owned(), number(&word["start"]), number(&word["end"])));
        told.confidences += usize::from(word.get(confidence).is_some_and(Value::is_number));
    }
}

struct Native;

impl Script for Native {
    fn path(&self, _: &Ask<'_>) -> Result<String, NoPlace> {
        Ok("/v1/stream".to_owned())
    }

    fn offer(&self, key: &str) -> Option<String> {
        Some(format!("auricle, auricle.key.{key}"))
    }

    fn hello(&self, ask: &Ask<'_>) -> Option<Message> {
        let mut options = json!({});
        if let Some(language) = ask.language {
            options["language"] = language.into();
        }
        if let Some(phrase) = ask.phrase {
            options["keyterms"] = json!([phrase]);
        }
        let channels = if ask.channels == Channels::One { 1 } else { 2 };
        let preset = ask.model.unwrap_or("digits");
        let mut start = json!({"type": "start", "preset": preset, "channels": channels, "options": options});
        if ask.channels == Channels::Apart {
            start["multichannel"] = true.into();
        }
        Some(Message::text(start.to_string()))
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        samples(audio)
    }

    fn flush(&self) -> Option<Message> {
        Some(Message::text(r#"{"type": "flush"}"#))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::text(r#"{"type": "finish"}"#)]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let event = json_of(text);
        match event["type"].as_str().unwrap() {
            "partial" => told.partials += 1,
            "segment" => {
                let channel = event["channel"].as_u64().unwrap_or(0) as usize;
                told.finals.push((channel, event["text"].as_str().unwrap().to_owned()));
                add_words(told, &event["words"], "text", "confidence");
            }
            "flushed" => told.flushed = Some(told.finals.len()),
            "error" => {
                told.refused = Some(format!("`{}`", event["code"].as_str().unwrap()));
                told.reason = event["message"].to_string();
            }
            _ => {}
        }
        false
    }
}

struct Vosk;

impl Script for Vosk {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        if ask.language.is_some() || ask.channels != Channels::One { Err(NoPlace) } else { Ok("/vosk".to_owned()) }
    }

    fn hello(&self, ask: &Ask<'_>) -> Option<Message> {
        let mut config = json!({"sample_rate": 16_000});
        if let Some(model) = ask.model {
            config["model"] = model.into();
        }
        if let Some(phrase) = ask.phrase {
            config["phrase_list"] = json!([phrase]);
        }
        Some(Message::text(json!({"config": config}).to_string()))
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        samples(audio)
    }

    fn flush(&self) -> Option<Message> {
        Some(Message::text(r#"{"reset" : 1}"#))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::text(r#"{"eof" : 1}"#)]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let answer = json_of(text);
        if let Some(partial) = answer["partial"].as_str() {
            told.partials += usize::from(!partial.is_empty());
        } else if let Some(code) = answer["code"].as_str() {
            told.refused = Some(format!("`{code}`"));
            told.reason = answer["error"].to_string();
        } else {
            told.finals.push((0, answer["text"].as_str().unwrap().to_owned()));
            add_words(told, &answer["result"], "word", "conf");
            // Nothing else makes text final in the middle of an utterance.
            told.flushed = Some(told.finals.len());
        }
        false
    }
}

struct Sherpa;

impl Script for Sherpa {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        let has_place = ask.model.is_none() && ask.language.is_none() && ask.phrase.is_none();
        if has_place && ask.channels == Channels::One { Ok("/sherpa".to_owned()) } else { Err(NoPlace) }
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        audio.chunks(PIECE).map(|piece| Message::binary(floats(piece))).collect()
    }

    fn babble(&self) -> Option<Message> {
        // Every text but `Done` is ignored by the original.
        None
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::text("Done")]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        if text == "Done!" {
            return true;
        }
        let result = json_of(text);
        if result["is_final"] != true {
            told.partials += usize::from(result["text"] != "");
            return false;
        }
        told.finals.push((0, result["text"].as_str().unwrap().to_owned()));
        let start = number(&result["start_time"]);
        for (token, at) in result["tokens"].as_array().unwrap().iter().zip(result["timestamps"].as_array().unwrap()) {
            let at = start + number(at);
            told.times.push((token.as_str().unwrap().trim().to_owned(), at, at));
        }
        told.confidences += result["ys_probs"].as_array().map_or(0, Vec::len);
        false
    }
}

/// Has the samples of the recording.
struct SherpaOffline(Vec<i16>);

impl Script for SherpaOffline {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        Sherpa.path(ask).map(|_| "/sherpa/offline".to_owned())
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        self.0.extend(audio);
        Vec::new()
    }

    fn babble(&self) -> Option<Message> {
        Some(Message::binary(vec![0; 4]))
    }

    fn end(&mut self) -> Vec<Message> {
        let header = [16_000i32.to_le_bytes(), (4 * self.0.len() as i32).to_le_bytes()].concat();
        let recording = [header, floats(&self.0)].concat();
        let pieces = recording.chunks(10_240).map(|piece| Message::binary(piece.to_vec()));
        pieces.chain([Message::text("Done")]).collect()
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let result = json_of(text);
        told.finals.push((0, result["text"].as_str().unwrap().to_owned()));
        for (token, at) in result["tokens"].as_array().unwrap().iter().zip(result["timestamps"].as_array().unwrap()) {
            told.times.push((token.as_str().unwrap().trim().to_owned(), number(at), number(at)));
        }
        false
    }
}

/// Has the end of the last complete segment, and text that was not complete when it was last told.
struct WhisperLive {
    settled: f64,
    partial: Option<String>,
}

impl Script for WhisperLive {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        if ask.channels == Channels::One { Ok("/whisper-live".to_owned()) } else { Err(NoPlace) }
    }

    fn offer(&self, key: &str) -> Option<String> {
        Some(format!("bearer, {key}"))
    }

    fn key_field(&self) -> &'static str {
        "token"
    }

    fn hello(&self, ask: &Ask<'_>) -> Option<Message> {
        let (model, language, hotwords) = (ask.model.unwrap_or("small"), ask.language, ask.phrase);
        let options = json!({
            "uid": "u", "model": model, "language": language, "task": "transcribe", "use_vad": true, "hotwords": hotwords,
            "word_timestamps": true,
        });
        Some(Message::text(options.to_string()))
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        audio.chunks(PIECE).map(|piece| Message::binary(floats(piece))).collect()
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::binary(b"END_OF_AUDIO".to_vec())]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let message = json_of(text);
        for segment in message["segments"].as_array().into_iter().flatten() {
            let text = segment["text"].as_str().unwrap().trim().to_owned();
            if segment["completed"] != true {
                told.partials += 1;
                self.partial = Some(text);
            } else if number(&segment["start"]) >= self.settled {
                // Earlier ones are repeated.
                self.settled = number(&segment["end"]);
                told.finals.push((0, text));
                add_words(told, &segment["words"], "word", "probability");
            }
        }
        match (message["status"].as_str(), message["message"].as_str()) {
            (Some(status @ ("WAIT" | "ERROR")), _) => {
                told.refused = Some(format!("`{status}`"));
                told.reason = message["message"].to_string();
            }
            (_, Some("DISCONNECT")) => told.refused = Some("`DISCONNECT`".to_owned()),
            _ => {}
        }
        false
    }
}

struct WhisperLiveKit;

impl Script for WhisperLiveKit {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        if ask.channels != Channels::One || ask.model.is_some() || ask.phrase.is_some() {
            return Err(NoPlace);
        }
        Ok(format!("/asr?language={}", ask.language.unwrap_or("auto")))
    }

    fn key_field(&self) -> &'static str {
        "token"
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        samples(audio)
    }

    fn babble(&self) -> Option<Message> {
        Some(Message::text("babble"))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::binary(Vec::new())]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let message = json_of(text);
        if let Some(error) = message["error"].as_str() {
            let code = error.split(':').next().unwrap_or_default();
            told.refused = Some(format!("`error` `{code}`"));
            error.clone_into(&mut told.reason);
        }
        if let Some(lines) = message["lines"].as_array() {
            told.partials += usize::from(message["buffer_transcription"] != "");
            // All lines are repeated.
            told.finals = lines.iter().map(|line| (0, line["text"].as_str().unwrap().to_owned())).collect();
        }
        message["type"] == "ready_to_stop"
    }
}

struct Deepgram;

impl Script for Deepgram {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        Ok(format!("/v1/listen?{}&interim_results=true", deepgram_query(ask)))
    }

    fn offer(&self, key: &str) -> Option<String> {
        Some(format!("token, {key}"))
    }

    fn scheme(&self) -> &'static str {
        "Token"
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        samples(audio)
    }

    fn flush(&self) -> Option<Message> {
        Some(Message::text(r#"{"type": "Finalize"}"#))
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(Message::text(r#"{"type": "KeepAlive"}"#))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::text(r#"{"type": "CloseStream"}"#)]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let message = json_of(text);
        let alternative = &message["channel"]["alternatives"][0];
        match message["type"].as_str().unwrap() {
            "Results" if message["is_final"] == true => {
                let channel = message["channel_index"][0].as_u64().unwrap() as usize;
                told.finals.push((channel, alternative["transcript"].as_str().unwrap().to_owned()));
                add_words(told, &alternative["words"], "word", "confidence");
                if message["from_finalize"] == true {
                    told.flushed = Some(told.finals.len());
                }
            }
            "Results" => told.partials += 1,
            "Metadata" => told.kept_alive = true,
            "Error" => told.refused = Some("`Error`".to_owned()),
            _ => {}
        }
        false
    }
}

/// The query of Deepgram's clients for audio without a header.
pub(super) fn deepgram_query(ask: &Ask<'_>) -> String {
    let mut query = "encoding=linear16&sample_rate=16000".to_owned();
    for (name, value) in [("model", ask.model), ("language", ask.language), ("keyterm", ask.phrase)] {
        if let Some(value) = value {
            query += &format!("&{name}={value}");
        }
    }
    match ask.channels {
        Channels::One => query,
        Channels::Mixed => query + "&channels=2",
        Channels::Apart => query + "&channels=2&multichannel=true",
    }
}
