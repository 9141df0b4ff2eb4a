//! One session: audio and commands from the client, driven by the task that reads the connection.
//!
//! Invariants: audio reaches the stream in order, decoded and resampled, and is counted and measured before that. If each channel has
//! a stream, all get the same audio and the same commands. A session that is dropped before its end is cancelled, so that its
//! processors are always finished. Threads: one task drives a [`Session`], one takes its [`SessionEvents`](super::SessionEvents).

use super::{
    lease::Lease,
    resume::{Seam, StoredStream},
};
use auricle_audio::{Intake, IntakeError, PacketCodec, Piece};
use auricle_core::{AudioFormat, Failure, FailureCode, Warning};
use auricle_plugin_api::Metadata;
use auricle_stream::{Continuation, Stream};
use bytes::Bytes;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Bytes of audio that are decoded and resampled before the task yields.
const BYTES_PER_TURN: usize = 1 << 14;
/// Silence that is added before the task yields, in seconds.
const SILENCE_PER_TURN: u32 = 1;

/// The state that both halves of a session share.
#[derive(Debug)]
pub(super) struct Shared {
    /// One, or one for each channel.
    pub(super) streams: Vec<Arc<Stream>>,
    pub(super) lease: Lease,
    /// Frames received in this epoch.
    pub(super) received: AtomicU64,
    /// One past the number of the last event that the client has.
    pub(super) acknowledged: AtomicU64,
    /// What the client is warned of when the session is ready.
    pub(super) warnings: Vec<Warning>,
    /// If its points are stored.
    pub(super) stored: Option<Arc<StoredStream>>,
}

impl Shared {
    /// Waits until all streams accept more audio.
    async fn room(&self) {
        for stream in &self.streams {
            stream.room().await;
        }
    }

    /// Ends the streams with a failure.
    pub(super) fn fail(&self, failure: &Failure) {
        self.streams.iter().for_each(|stream| stream.fail(failure.clone()));
    }
}

/// What a session has received from its client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Number of resets.
    pub epoch: u32,
    /// Frames of this epoch: see [`Session::received`].
    pub received: u64,
    /// Number of flushes of this epoch.
    pub flushes: u64,
    /// Whether the audio has ended.
    pub finished: bool,
}

/// The properties of a session that its client may see.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// The id, as in the log.
    pub id: String,
    /// The preset's name.
    pub preset: String,
    /// The engine's backend name.
    pub backend: String,
    /// The model's metadata.
    pub metadata: Metadata,
    /// The format of the client's audio.
    pub audio: AudioFormat,
    /// Whether each channel has a stream.
    pub multichannel: bool,
    /// What its client asks for and does not get.
    pub warnings: Vec<Warning>,
}

/// The half of an open session that accepts audio and commands.
pub struct Session {
    shared: Arc<Shared>,
    info: Arc<SessionInfo>,
    /// One for each stream.
    inputs: Vec<Input>,
    /// Frames received in this epoch before the last change of the format.
    before: u64,
    /// The commands received; `received` is not kept up to date.
    progress: Progress,
    /// If it was restored.
    seam: Option<Seam>,
}

/// The way of the audio to a stream.
struct Input {
    intake: Intake,
    /// The samples of one turn. Kept to reuse its memory.
    samples: Vec<f32>,
    /// Samples to come that the stream has had before.
    lead: usize,
}

/// The intakes of the streams of a session: one, or one for each channel.
///
/// # Errors
/// The format or the pair of rates is out of range.
pub(super) fn intakes(audio: AudioFormat, multichannel: bool, model_rate: u32) -> Result<Vec<Intake>, Failure> {
    let formats: Vec<_> = match multichannel {
        true => (0..audio.channels).map(|channel| AudioFormat { channel: Some(channel), ..audio }).collect(),
        false => vec![audio],
    };
    let intakes = formats.into_iter().map(|format| Intake::new(format, model_rate));
    intakes.collect::<Result<_, _>>().map_err(bad_audio)
}

fn bad_audio(problem: IntakeError) -> Failure {
    Failure::new(FailureCode::BadAudio, problem)
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, info: SessionInfo, intakes: Vec<Intake>) -> Self {
        let (info, progress) = (Arc::new(info), Progress::default());
        let inputs = intakes.into_iter().map(|intake| Input { intake, samples: Vec::new(), lead: 0 }).collect();
        Self { shared, info, inputs, before: 0, progress, seam: None }
    }

    /// Another process began the session. `start` has the first of the client's frames that comes, and the number of samples that
    /// the stream has had of what comes.
    pub(super) fn continue_from(&mut self, from: &Continuation, (frame, lead): (u64, usize)) {
        self.before = frame;
        self.inputs.iter_mut().for_each(|input| input.lead = lead);
        let (epoch, flushes) = (from.point.epoch, from.point.grid.flushes);
        self.progress = Progress { epoch, flushes, ..Progress::default() };
        self.seam = Some(if from.is_exact { Seam::Exact } else { Seam::Lossless });
        self.shared.received.store(frame, Ordering::Relaxed);
        self.shared.lease.continue_from(from.point.sample);
    }

    /// How it goes on, if another process began it.
    pub(super) fn seam(&self) -> Option<Seam> {
        self.seam
    }

    pub(super) fn stored(&self) -> Option<&Arc<StoredStream>> {
        self.shared.stored.as_ref()
    }

    /// The properties of the session that its client may see.
    pub fn info(&self) -> &Arc<SessionInfo> {
        &self.info
    }

    /// The number of the client's sample frames received in this epoch. A frame that is split between packets counts
    /// when it is complete.
    pub fn received(&self) -> u64 {
        self.before + self.inputs[0].intake.frames()
    }

    /// What the session has received.
    pub fn progress(&self) -> Progress {
        Progress { received: self.received(), ..self.progress }
    }

    /// The client has the events up to this number.
    pub fn acknowledge(&self, seq: u64) {
        self.shared.acknowledged.fetch_max(seq.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether the client has acknowledged any event.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.shared.acknowledged.load(Ordering::Relaxed) > 0
    }

    /// The client goes on in another connection, with a whole frame: the beginning of one from the connection before is discarded.
    pub fn resumed(&mut self) {
        self.inputs.iter_mut().for_each(|input| input.intake.discard_partial_frame());
        self.shared.lease.set_waiting(false);
    }

    /// The connection is gone; the session waits for its client.
    pub(super) fn waits(&self) {
        self.shared.lease.set_waiting(true);
    }

    /// The id of its loaded model.
    pub(super) fn model(&self) -> u64 {
        self.shared.streams[0].scheduler().id()
    }

    /// Accepts a packet of audio. If the server sets the pace, waits until the stream accepts more.
    pub async fn audio(&mut self, packet: Bytes) {
        self.audio_and(packet, || None).await;
    }

    /// Like [`audio`](Self::audio), but also accepts the packets that `more` returns because they have arrived
    /// meanwhile. All of them are pushed to the stream at once. Yields to other tasks between turns.
    pub async fn audio_and(&mut self, packet: Bytes, mut more: impl FnMut() -> Option<Bytes>) {
        let mut packet = packet;
        loop {
            self.shared.room().await;
            let mut left = BYTES_PER_TURN;
            loop {
                let length = packet.len().min(left);
                let part = packet.split_to(length);
                self.inputs.iter_mut().for_each(|Input { intake, samples, .. }| intake.push(&part, samples));
                left -= length;
                if left == 0 {
                    break;
                }
                match more() {
                    Some(next) => packet = next,
                    None => break,
                }
            }
            self.push();
            self.check_phase(false);
            if packet.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Changes the format of the audio from here on.
    ///
    /// # Errors
    /// The first field that is out of range, or each channel has a stream, and there are more or fewer of them. The session is
    /// unchanged then.
    pub fn configure(&mut self, audio: AudioFormat) -> Result<(), Failure> {
        if self.info.multichannel && audio.channels != self.info.audio.channels {
            let message = "the number of channels cannot change while each of them has a transcript";
            return Err(Failure::new(FailureCode::BadAudio, message));
        }
        let intakes = intakes(audio, self.info.multichannel, self.info.metadata.sample_rate)?;
        self.replace(intakes, audio);
        Ok(())
    }

    /// Changes the audio to packets of a codec from here on: [`piece`](Self::piece).
    ///
    /// # Errors
    /// The codec's rate cannot be converted to the model's. The session is unchanged then.
    pub fn configure_packets(&mut self, codec: PacketCodec) -> Result<(), Failure> {
        // All streams get the mix.
        let intakes = self.inputs.iter().map(|_| Intake::of_packets(codec, self.info.metadata.sample_rate));
        let intakes = intakes.collect::<Result<_, _>>().map_err(bad_audio)?;
        self.replace(intakes, codec.decoded());
        Ok(())
    }

    fn replace(&mut self, intakes: Vec<Intake>, audio: AudioFormat) {
        self.push_rest();
        self.before = self.received();
        self.inputs.iter_mut().zip(intakes).for_each(|(input, intake)| input.intake = intake);
        self.info = Arc::new(SessionInfo { audio, ..(*self.info).clone() });
    }

    /// Accepts a piece of a packet stream. If the server sets the pace, waits until the stream accepts more. Yields to other tasks
    /// in long silence.
    pub async fn piece(&mut self, piece: Piece) {
        self.shared.room().await;
        let mut piece = piece;
        while let Piece::Silence { frames } = piece
            && let turn = self.info.audio.sample_rate * SILENCE_PER_TURN
            && frames > turn
        {
            self.push_piece(&Piece::Silence { frames: turn });
            piece = Piece::Silence { frames: frames - turn };
            tokio::task::yield_now().await;
        }
        self.push_piece(&piece);
    }

    fn push_piece(&mut self, piece: &Piece) {
        self.inputs.iter_mut().for_each(|Input { intake, samples, .. }| intake.push_piece(piece, samples));
        self.push();
    }

    /// Processes all audio so far and reports its text; `Event::Flushed` follows.
    pub fn flush(&mut self) {
        self.progress.flushes += 1;
        self.push_rest();
        let received = self.received();
        self.shared.streams.iter().for_each(|stream| stream.flush(received));
    }

    /// Ends the turn of the speaker at the audio so far, if one is open.
    ///
    /// # Errors
    /// No stage of the preset finds turns.
    pub fn end_turn(&mut self) -> Result<(), Failure> {
        if !self.info.metadata.capabilities.iter().any(|name| name == "turns") {
            let message =
                format!("`end_turn`: the preset `{}` finds no turns; it needs a stage that does", self.info.preset);
            return Err(Failure::new(FailureCode::BadMessage, message));
        }
        self.shared.streams.iter().for_each(|stream| stream.end_turn());
        Ok(())
    }

    /// Ends the audio: all text is reported, and `Event::Done` is the last event.
    pub fn finish(&mut self) {
        self.progress.finished = true;
        self.push_rest();
        self.shared.streams.iter().for_each(|stream| stream.finish());
    }

    /// Discards unprocessed audio and unsent events and starts a new epoch at time 0; `Event::Ready` follows.
    pub fn reset(&mut self) {
        self.before = 0;
        for input in &mut self.inputs {
            input.intake.reset();
            input.lead = 0;
        }
        self.progress = Progress { epoch: self.progress.epoch + 1, ..Progress::default() };
        self.shared.received.store(0, Ordering::Relaxed);
        self.shared.lease.reset();
        self.shared.streams.iter().for_each(|stream| stream.reset());
    }

    /// Ends the session with a failure. Events reported before are still sent.
    pub fn fail(&mut self, failure: Failure) {
        self.shared.fail(&failure);
    }

    /// For a client that is gone: its audio is still processed and the processor finished, but the events are dropped.
    pub fn cancel(self) {}

    /// Waits until the engine has processed all audio that fills its chunks, or the session has ended. For protocols
    /// that answer each packet. Take the events meanwhile: a session whose events are not taken pauses.
    pub async fn caught_up(&mut self) {
        for stream in &self.shared.streams {
            stream.caught_up().await;
        }
    }

    fn push_rest(&mut self) {
        self.inputs.iter_mut().for_each(|Input { intake, samples, .. }| intake.finish(samples));
        self.push();
        self.check_phase(true);
    }

    /// Logs if the channels cancel each other out, because the client gets no text then. Once per format.
    fn check_phase(&mut self, ended: bool) {
        // Of several intakes each selects a channel.
        if self.inputs[0].intake.opposite_phase(ended) {
            tracing::warn!(
                stream = self.info.id,
                "the channels are in opposite phase and cancel each other out when mixed; the client should select one with `channel`"
            );
        }
    }

    fn push(&mut self) {
        self.shared.received.store(self.received(), Ordering::Relaxed);
        for (channel, (Input { samples, lead, .. }, stream)) in
            self.inputs.iter_mut().zip(&self.shared.streams).enumerate()
        {
            if *lead > 0 {
                let had = samples.len().min(*lead);
                samples.drain(..had);
                *lead -= had;
            }
            if !samples.is_empty() {
                let now = Instant::now();
                self.shared.lease.received(channel, samples.len(), now);
                stream.push(samples, now);
                samples.clear();
            }
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.streams.iter().for_each(|stream| stream.abandon());
    }
}
