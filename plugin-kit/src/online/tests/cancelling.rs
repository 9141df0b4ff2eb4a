//! A call that is cancelled ends with the decode under way, tells nothing of it, and the stream may be begun anew.

use super::fake::{Event, Fake, Recorder, script, speech};
use crate::online::{Buffer, OnlineProcessor, Report, Request, Settings, Transcriber, Transcript};
use auricle_plugin_api::{Error, Segment};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A model whose client leaves during one of its decodes, which it then gives up.
struct Left {
    fake: Fake,
    during: usize,
    gone: Arc<AtomicBool>,
}

impl Transcriber for Left {
    fn transcribe(&mut self, audio: Buffer<'_>, request: Request<'_>) -> Result<Transcript, Error> {
        assert!(!request.cancelled(), "a decode began that nobody waits for");
        let transcript = self.fake.transcribe(audio, request)?;
        if self.fake.decodes == self.during {
            self.gone.store(true, Ordering::Relaxed);
        }
        if request.cancelled() { Err(Error::other("given up")) } else { Ok(transcript) }
    }
}

/// What the client gets, while it is there.
#[derive(Default)]
struct Client {
    told: Recorder,
    gone: Arc<AtomicBool>,
}

impl Report for Client {
    fn partial(&mut self, segment: &Segment) {
        self.told.partial(segment);
    }

    fn segment(&mut self, segment: &Segment) {
        self.told.segment(segment);
    }

    fn speech_started(&mut self, sample: u64) {
        self.told.speech_started(sample);
    }

    fn endpoint(&mut self, sample: u64) {
        self.told.endpoint(sample);
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.told.restart_point(sample, state);
    }

    fn cancelled(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// Texts that were told.
fn texts(told: &Recorder) -> Vec<Event> {
    told.0.iter().filter(|event| !matches!(event, Event::Restart(..))).cloned().collect()
}

#[test]
fn nothing_is_decoded_or_told_that_nobody_waits_for() {
    let audio = speech(0, 12);
    let whole = audio.len() / 16_000;
    assert!(whole > 5 && !audio.len().is_multiple_of(16_000));
    let before = |decode: usize| {
        let (mut online, mut told) = (OnlineProcessor::new(Fake::default(), &Settings::default()), Recorder::default());
        online.insert_audio_chunk(&audio[..(decode - 1) * 16_000]);
        online.process_iter(&mut told).unwrap();
        texts(&told)
    };
    // In the midst of a call, and in the decode at the end of the audio.
    for during in [1, 4, whole + 1] {
        let mut client = Client::default();
        let left = Left { fake: Fake::default(), during, gone: Arc::clone(&client.gone) };
        let mut online = OnlineProcessor::new(left, &Settings::default());
        online.insert_audio_chunk(&audio);
        online.process_iter(&mut client).unwrap();
        online.finish(&mut client).unwrap();
        assert_eq!(online.transcriber.fake.decodes, during);
        assert_eq!(texts(&client.told), before(during));

        // A client that had it reset hears all from the beginning.
        client.gone.store(false, Ordering::Relaxed);
        client.told.0.clear();
        online.init(0);
        online.insert_audio_chunk(&audio);
        online.process_iter(&mut client).unwrap();
        online.finish(&mut client).unwrap();
        assert_eq!(client.told.text(), script(0, 12));
    }
}
