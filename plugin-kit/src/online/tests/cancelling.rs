//! A cancelled call ends after the current decode and reports nothing of it; the stream can be restarted.

use super::fake::{Event, Fake, Recorder, script, speech};
use crate::online::{Buffer, OnlineProcessor, Report, Request, Settings, Transcriber, Transcript};
use auricle_plugin_api::{Error, Segment};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A model whose client leaves during one of its decodes; it then stops.
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

/// The events that the client receives until it leaves.
#[derive(Default)]
struct Client {
    recorder: Recorder,
    gone: Arc<AtomicBool>,
}

impl Report for Client {
    fn partial(&mut self, segment: &Segment) {
        self.recorder.partial(segment);
    }

    fn segment(&mut self, segment: &Segment) {
        self.recorder.segment(segment);
    }

    fn speech_started(&mut self, sample: u64) {
        self.recorder.speech_started(sample);
    }

    fn endpoint(&mut self, sample: u64) {
        self.recorder.endpoint(sample);
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.recorder.restart_point(sample, state);
    }

    fn cancelled(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// The reported texts.
fn texts(recorder: &Recorder) -> Vec<Event> {
    recorder.0.iter().filter(|event| !matches!(event, Event::Restart(..))).cloned().collect()
}

#[test]
fn nothing_is_decoded_or_told_that_nobody_waits_for() {
    let audio = speech(0, 12);
    let whole = audio.len() / 16_000;
    assert!(whole > 5 && !audio.len().is_multiple_of(16_000));
    let before = |decode: usize| {
        let (mut online, mut recorder) =
            (OnlineProcessor::new(Fake::default(), &Settings::default()), Recorder::default());
        online.insert_audio_chunk(&audio[..(decode - 1) * 16_000]);
        online.process_iter(&mut recorder).unwrap();
        texts(&recorder)
    };
    // In the middle of a call, and in the decode at the end of the audio.
    for during in [1, 4, whole + 1] {
        let mut client = Client::default();
        let left = Left { fake: Fake::default(), during, gone: Arc::clone(&client.gone) };
        let mut online = OnlineProcessor::new(left, &Settings::default());
        online.insert_audio_chunk(&audio);
        online.process_iter(&mut client).unwrap();
        online.finish(&mut client).unwrap();
        assert_eq!(online.transcriber.fake.decodes, during);
        assert_eq!(texts(&client.recorder), before(during));

        // After a reset the client gets everything from the start.
        client.gone.store(false, Ordering::Relaxed);
        client.recorder.0.clear();
        online.init(0);
        online.insert_audio_chunk(&audio);
        online.process_iter(&mut client).unwrap();
        online.finish(&mut client).unwrap();
        assert_eq!(client.recorder.text(), script(0, 12));
    }
}
