//! A stream's turn on a thread of its model: work is taken, the engine called, and what came of it put back.
//!
//! Invariants: those of `stream`. A call is begun and ended in the thread's slot, so that the watchdog sees it; a thread that was
//! written off meanwhile touches the stream no more. Threads: the model's.

use super::{
    Stream,
    inbox::Work,
    model::Death,
    runtime::Shared,
    slot::Slot,
    stream::Inner,
    voice::{Next, Scene, Trouble, Voice, call_name},
};
use auricle_core::Event;
use auricle_core::{Failure, FailureCode};
use std::sync::Arc;

impl Stream {
    /// One piece of work, on a thread of the model. Returns whether the thread may go on: not if the call took so long
    /// that the thread was written off.
    pub(super) fn step(self: &Arc<Self>, slot: &Slot<Stream>) -> bool {
        match self.take_turn() {
            Some((voice, work)) => self.work(voice, work, slot),
            None => true,
        }
    }

    /// A turn for several streams that wait, the one that waits longest first: what can be is worked on together. Other
    /// work is done alone, in its turn. Those that get none go back to the queue: in the hands of this thread they would wait
    /// for ever if a call does not return. Returns as [`step`](Self::step) does.
    pub(super) fn step_together(streams: Vec<Arc<Self>>, runtime: &Shared, slot: &Slot<Stream>) -> bool {
        let (mut together, mut alone) = (Vec::new(), None);
        for stream in streams {
            match stream.take_turn() {
                Some((voice, Some(work))) if alone.is_none() && voice.joins(&work, runtime.model()) => {
                    together.push((stream, voice, work));
                }
                Some((voice, work)) if alone.is_none() && together.is_empty() => alone = Some((stream, voice, work)),
                Some((voice, work)) => stream.give_back(voice, work),
                None => {}
            }
        }
        if together.len() == 1 {
            alone = together.pop().map(|(stream, voice, work)| (stream, voice, Some(work)));
        }
        match alone {
            Some((stream, voice, work)) => stream.work(voice, work, slot),
            None => together.is_empty() || Self::work_together(together, runtime, slot),
        }
    }

    fn work_together(together: Vec<(Arc<Self>, Voice, Work)>, runtime: &Shared, slot: &Slot<Stream>) -> bool {
        let audio = together.iter().map(|(stream, _, work)| stream.seconds(work.samples())).sum();
        let (mut streams, mut voices, mut works) = (Vec::new(), Vec::new(), Vec::new());
        for (stream, voice, work) in together {
            streams.push(stream);
            voices.push(voice);
            works.push(work);
        }
        slot.begin(streams.clone(), "process_batch", audio);
        let scenes: Vec<_> = streams.iter().map(|stream| stream.scene(runtime)).collect();
        let outcomes = Voice::perform_together(voices.iter_mut().zip(works).collect(), &scenes);
        drop(scenes);
        if !slot.end() {
            return false;
        }
        for ((stream, voice), outcome) in streams.into_iter().zip(voices).zip(outcomes) {
            if let Some(voice) = stream.settle(voice, outcome) {
                // To let it go may not return either: a turn of its own.
                stream.give_back(voice, None);
            }
        }
        true
    }

    /// What is to be done next, if nobody is at it.
    fn take_turn(&self) -> Option<(Voice, Option<Work>)> {
        let mut inner = self.lock();
        inner.queued = false;
        inner.voice.take().map(|voice| (voice, inner.inbox.pop()))
    }

    fn give_back(self: &Arc<Self>, voice: Voice, work: Option<Work>) {
        let mut inner = self.lock();
        if let Some(work) = work.filter(|_| !inner.ended) {
            inner.inbox.put_back(work);
        }
        inner.voice = Some(voice);
        self.schedule(&mut inner);
    }

    fn scene<'a>(&'a self, runtime: &'a Shared) -> Scene<'a> {
        Scene {
            id: &self.id,
            model: runtime.model(),
            options: &self.options,
            settings: &self.settings,
            outbox: &self.outbox,
        }
    }

    fn work(self: &Arc<Self>, mut voice: Voice, work: Option<Work>, slot: &Slot<Stream>) -> bool {
        let _in_stream = self.span.enter();
        let Some(work) = work else { return self.let_go(voice, slot) };
        let runtime = Arc::clone(&self.lock().runtime);
        slot.begin(vec![Arc::clone(self)], call_name(&work), self.seconds(work.samples()));
        let outcome = voice.perform(work, &self.scene(&runtime));
        if !slot.end() {
            // Long over for everybody else.
            drop(voice);
            return false;
        }
        match self.settle(voice, outcome) {
            Some(voice) => self.let_go(voice, slot),
            None => true,
        }
    }

    /// Drops the processor of a stream that has ended, which runs code of the engine too. Returns as `step` does.
    fn let_go(self: &Arc<Self>, voice: Voice, slot: &Slot<Stream>) -> bool {
        slot.begin(vec![Arc::clone(self)], "drop", 0.0);
        drop(voice);
        let wanted = slot.end();
        self.leave(&mut self.lock());
        wanted
    }

    /// After a call: parks the voice, or returns it to be let go.
    fn settle(self: &Arc<Self>, mut voice: Voice, outcome: Result<Next, Trouble>) -> Option<Voice> {
        let mut inner = self.lock();
        if inner.ended {
            return Some(voice);
        }
        let last = match outcome {
            Ok(Next::GoesOn) => None,
            Ok(Next::Done) => Some(Event::Done(voice.position())),
            Err(Trouble::Failed(failure)) => Some(Event::Failed(failure)),
            Err(Trouble::Died(death, work)) => {
                inner.inbox.put_back(work);
                self.set_apart(&mut inner, &mut voice, &death).err().map(Event::Failed)
            }
        };
        if let Some(last) = last {
            self.stop(&mut inner, last);
            return Some(voice);
        }
        inner.voice = Some(voice);
        self.report_lag(&mut inner);
        self.stepped.notify_waiters();
        self.schedule(&mut inner);
        None
    }

    /// A worker died during a call for this stream, which may be to blame: from now on it has a worker of its own. Where
    /// the engine dies of it again and it got no further, it is.
    fn set_apart(&self, inner: &mut Inner, voice: &mut Voice, death: &Death) -> Result<(), Failure> {
        let _in_stream = self.span.enter();
        let crashed = |message: String| Failure::new(FailureCode::EngineCrashed, message);
        inner.runtime.model().note_death(&self.id, death);
        tracing::warn!("the engine {death} while working on this stream");
        if voice.strike() {
            return Err(crashed(format!("the engine {death}, twice at the same place in this stream")));
        }
        if Arc::ptr_eq(&inner.runtime, &self.home) {
            match self.home.dedicated() {
                Ok(dedicated) => inner.runtime = dedicated,
                Err(problem) => tracing::warn!("the stream has no worker of its own: {problem}"),
            }
        }
        Ok(())
    }
}
