//! Clients that send a recording in one request.

use super::{
    Ask, Channels, Dialect, KeyPlace, NoPlace, Peer, Told,
    scripts::{add_words, deepgram_query},
};
use crate::{deepgram_recordings::wav_file, hisi, openai};
use auricle_tests::{Host, bytes, limit};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// A recording that is not sent yet.
struct Recording {
    stream: TcpStream,
    dialect: Dialect,
    /// Path and query.
    path: String,
    /// Further headers.
    headers: String,
    fields: Vec<(&'static str, String)>,
    channels: u16,
    audio: Vec<i16>,
    babbles: bool,
}

pub(super) fn connect(dialect: Dialect, host: &Host, ask: &Ask<'_>) -> Result<Box<dyn Peer>, NoPlace> {
    let (mut path, fields) = match dialect {
        Dialect::OpenAi => (openai::PATH.to_owned(), openai_fields(ask)?),
        Dialect::Hisi => ("/upload_and_transcribe".to_owned(), hisi_fields(ask)?),
        _ => (format!("/v1/listen?{}", deepgram_query(ask)), Vec::new()),
    };
    let mut headers = String::new();
    match ask.key {
        Some((KeyPlace::Header, key)) => {
            let scheme = if dialect == Dialect::DeepgramRecordings { "Token" } else { "Bearer" };
            headers = format!("Authorization: {scheme} {key}\r\n");
        }
        Some((KeyPlace::Query, key)) => path += &format!("{}key={key}", if path.contains('?') { '&' } else { '?' }),
        Some((KeyPlace::Subprotocol, _)) => return Err(NoPlace),
        None => {}
    }
    let stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(limit())).unwrap();
    stream.set_write_timeout(Some(limit())).unwrap();
    let channels = if ask.channels == Channels::One { 1 } else { 2 };
    let (audio, babbles) = (Vec::new(), false);
    Ok(Box::new(Recording { stream, dialect, path, headers, fields, channels, audio, babbles }))
}

fn openai_fields(ask: &Ask<'_>) -> Result<Vec<(&'static str, String)>, NoPlace> {
    if ask.channels == Channels::Apart {
        return Err(NoPlace);
    }
    let mut fields = vec![("model", ask.model.unwrap_or("digits").to_owned())];
    fields.extend(ask.language.map(|language| ("language", language.to_owned())));
    fields.extend(ask.phrase.map(|phrase| ("keywords[]", phrase.to_owned())));
    fields.push(("response_format", "verbose_json".to_owned()));
    let granularities: &[&str] = if ask.times { &["word", "segment"] } else { &[] };
    fields.extend(granularities.iter().map(|granularity| ("timestamp_granularities[]", (*granularity).to_owned())));
    Ok(fields)
}

fn hisi_fields(ask: &Ask<'_>) -> Result<Vec<(&'static str, String)>, NoPlace> {
    if ask.channels == Channels::Apart || ask.language.is_some() || ask.phrase.is_some() {
        return Err(NoPlace);
    }
    Ok(ask.model.map(|model| ("preset", model.to_owned())).into_iter().collect())
}

impl Recording {
    /// The type and the bytes of the body.
    fn body(&self) -> (&'static str, Vec<u8>) {
        if self.babbles {
            return ("application/json", b"{babble".to_vec());
        }
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let file = || wav_file(&self.audio, self.channels);
        match self.dialect {
            Dialect::OpenAi => ("multipart/form-data; boundary=B", openai::form(Some(&file()), &fields)),
            Dialect::Hisi => ("multipart/form-data; boundary=B", hisi::form("audio_file", &file(), &fields)),
            _ => ("application/octet-stream", bytes(&self.audio)),
        }
    }
}

impl Peer for Recording {
    fn audio(&mut self, audio: &[i16]) {
        self.audio.extend(audio);
    }

    fn flush(&mut self) -> bool {
        false
    }

    fn keep_alive(&mut self) -> bool {
        false
    }

    fn babble(&mut self) -> bool {
        self.babbles = true;
        true
    }

    fn finish(mut self: Box<Self>) -> Told {
        let (kind, body) = self.body();
        // Of this version, so that the response is not in chunks.
        let head = format!(
            "POST {} HTTP/1.0\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{}\r\n",
            self.path,
            body.len(),
            self.headers
        );
        // A refused client may not be able to send all.
        let _ = self.stream.write_all(&[head.as_bytes(), &body].concat());
        self.listen()
    }

    fn listen(mut self: Box<Self>) -> Told {
        let (mut told, mut text) = (Told::default(), Vec::new());
        self.stream.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            told.refused = Some("the connection ends".to_owned());
            return told;
        };
        let status = &head[9..12];
        if status != "200" {
            (told.refused, told.reason) = (Some(format!("HTTP {status}")), body.to_owned());
            return told;
        }
        if self.dialect == Dialect::Hisi {
            for (name, data) in hisi::events((200, body.to_owned())) {
                let segments = data["segments"].as_array().into_iter().flatten();
                told.finals.extend(segments.map(|segment| (0, segment["text"].as_str().unwrap().to_owned())));
                if name == "error" {
                    told.refused = Some("`error`".to_owned());
                }
            }
            return told;
        }
        let body: Value = serde_json::from_str(body).unwrap();
        if self.dialect == Dialect::OpenAi {
            told.finals.push((0, body["text"].as_str().unwrap().to_owned()));
            add_words(&mut told, &body["words"], "word", "confidence");
            let segments = body["segments"].as_array().into_iter().flatten();
            told.confidences += segments.filter(|segment| segment["avg_logprob"].is_number()).count();
        }
        for (channel, one) in body["results"]["channels"].as_array().into_iter().flatten().enumerate() {
            let alternative = &one["alternatives"][0];
            told.finals.push((channel, alternative["transcript"].as_str().unwrap().to_owned()));
            add_words(&mut told, &alternative["words"], "word", "confidence");
        }
        told
    }
}
