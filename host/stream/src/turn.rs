//! A stream's turn on a thread of its model: takes work, calls the engine, and puts back the result.
//!
//! Invariants: those of `stream`. Each call is recorded in the thread's slot, so that the watchdog sees it. A thread
//! that was abandoned during a call does not touch the stream afterwards. Threads: the model's.

use super::{
    Stream,
    engine_session::{CallContext, EngineSession, Next, StepError, call_name},
    inbox::Work,
    model::Death,
    scheduler::Shared,
    slot::Slot,
    stream::Inner,
};
use auricle_core::Event;
use auricle_core::{Failure, FailureCode};
use std::sync::Arc;

/// How often a stream may lose other machines at the same place.
const MOST_REMOTE_DEATHS: u32 = 3;

impl Stream {
    /// Does one piece of work, on a model thread. Returns whether the thread may continue: not if it was abandoned
    /// because the call took too long.
    pub(super) fn step(self: &Arc<Self>, slot: &Slot<Stream>) -> bool {
        match self.take_turn() {
            Some((engine, work)) => self.work(engine, work, slot),
            None => true,
        }
    }

    /// A turn for several waiting streams, the one that has waited longest first. Work that can be batched is done in
    /// one call. Other work is done alone, if it comes first. Streams that get no turn go back to the queue: if this
    /// thread kept them, they would wait forever if its call does not return. Returns as [`step`](Self::step) does.
    pub(super) fn step_together(streams: Vec<Arc<Self>>, scheduler: &Shared, slot: &Slot<Stream>) -> bool {
        let (mut together, mut alone) = (Vec::new(), None);
        for stream in streams {
            match stream.take_turn() {
                Some((engine, Some(work))) if alone.is_none() && engine.joins(&work, scheduler.model()) => {
                    together.push((stream, engine, work));
                }
                Some((engine, work)) if alone.is_none() && together.is_empty() => alone = Some((stream, engine, work)),
                Some((engine, work)) => stream.give_back(engine, work),
                None => {}
            }
        }
        if together.len() == 1 {
            alone = together.pop().map(|(stream, engine, work)| (stream, engine, Some(work)));
        }
        match alone {
            Some((stream, engine, work)) => stream.work(engine, work, slot),
            None => together.is_empty() || Self::work_together(together, scheduler, slot),
        }
    }

    fn work_together(together: Vec<(Arc<Self>, EngineSession, Work)>, scheduler: &Shared, slot: &Slot<Stream>) -> bool {
        let audio = together.iter().map(|(stream, _, work)| stream.seconds(work.samples())).sum();
        let (mut streams, mut engines, mut works) = (Vec::new(), Vec::new(), Vec::new());
        for (stream, engine, work) in together {
            streams.push(stream);
            engines.push(engine);
            works.push(work);
        }
        slot.begin(streams.clone(), "process_batch", audio);
        let contexts: Vec<_> = streams.iter().map(|stream| stream.context(scheduler)).collect();
        let outcomes = EngineSession::perform_together(engines.iter_mut().zip(works).collect(), &contexts);
        drop(contexts);
        let ended = slot.end();
        if !ended.may_continue {
            return false;
        }
        streams.iter().for_each(|stream| stream.usage.add_engine_time(ended.share));
        for ((stream, engine), outcome) in streams.into_iter().zip(engines).zip(outcomes) {
            if let Some(engine) = stream.settle(engine, outcome) {
                // Dropping the processor may hang, too, so it is done in a separate turn.
                stream.give_back(engine, None);
            }
        }
        true
    }

    /// Takes the engine and the next work, unless another thread has the engine.
    fn take_turn(&self) -> Option<(EngineSession, Option<Work>)> {
        let mut inner = self.lock();
        inner.queued = false;
        inner.engine.take().map(|engine| (engine, inner.inbox.pop()))
    }

    fn give_back(self: &Arc<Self>, engine: EngineSession, work: Option<Work>) {
        let mut inner = self.lock();
        if let Some(work) = work.filter(|_| !inner.ended) {
            inner.inbox.put_back(work);
        }
        inner.engine = Some(engine);
        self.schedule(&mut inner);
    }

    fn context<'a>(&'a self, scheduler: &'a Shared) -> CallContext<'a> {
        CallContext {
            id: &self.id,
            model: scheduler.model(),
            options: &self.options,
            settings: &self.settings,
            outbox: &self.outbox,
            points: self.points.as_ref(),
        }
    }

    fn work(self: &Arc<Self>, mut engine: EngineSession, work: Option<Work>, slot: &Slot<Stream>) -> bool {
        let Some(work) = work else { return self.drop_engine(engine, slot) };
        let in_stream = self.span.enter();
        let scheduler = Arc::clone(&self.lock().scheduler);
        slot.begin(vec![Arc::clone(self)], call_name(&work), self.seconds(work.samples()));
        let outcome = engine.perform(work, &self.context(&scheduler));
        let ended = slot.end();
        if !ended.may_continue {
            // The stream was ended when this thread was abandoned.
            drop(engine);
            return false;
        }
        drop(in_stream);
        self.usage.add_engine_time(ended.share);
        match self.settle(engine, outcome) {
            Some(engine) => self.drop_engine(engine, slot),
            None => true,
        }
    }

    /// Drops the processor of an ended stream. This runs engine code, too. Returns as `step` does.
    fn drop_engine(self: &Arc<Self>, engine: EngineSession, slot: &Slot<Stream>) -> bool {
        slot.begin(vec![Arc::clone(self)], "drop", 0.0);
        self.span.in_scope(|| drop(engine));
        let ended = slot.end();
        if ended.may_continue {
            self.usage.add_engine_time(ended.share);
        }
        self.leave(&mut self.lock());
        ended.may_continue
    }

    /// After a call: parks the engine, or returns it for the caller to drop.
    fn settle(self: &Arc<Self>, mut engine: EngineSession, outcome: Result<Next, StepError>) -> Option<EngineSession> {
        let mut inner = self.lock();
        if inner.ended {
            return Some(engine);
        }
        let last = match outcome {
            Ok(Next::GoesOn) => None,
            Ok(Next::Done) => Some(inner.closing.take().map_or_else(|| Event::Done(engine.position()), Event::Failed)),
            Err(StepError::Failed(failure)) => Some(Event::Failed(failure)),
            Err(StepError::Died(death, work)) => {
                inner.inbox.put_back(work);
                self.isolate(&mut inner, &mut engine, &death).err().map(Event::Failed)
            }
        };
        if let Some(last) = last {
            self.stop(&mut inner, last);
            return Some(engine);
        }
        inner.engine = Some(engine);
        self.check_lag(&mut inner);
        self.stepped.notify_waiters();
        self.schedule(&mut inner);
        None
    }

    /// A worker died during a call for this stream. The stream may be the cause, so it gets a dedicated worker. If the
    /// engine dies again and the stream has made no progress, the stream is the cause. Another machine may also have been
    /// switched off, so that happens more often before the stream is the cause.
    fn isolate(&self, inner: &mut Inner, engine: &mut EngineSession, death: &Death) -> Result<(), Failure> {
        let _in_stream = self.span.enter();
        let crashed = |message: String| Failure::new(FailureCode::EngineCrashed, message);
        inner.scheduler.model().note_death(&self.id, death);
        tracing::warn!("the engine {death} while processing this stream");
        let (times, is_remote) = (engine.strike(), self.home.model().is_remote());
        if is_remote && times > MOST_REMOTE_DEATHS {
            let message = format!("the engine's machine was lost {times} times at the same place in this stream");
            return Err(crashed(message).with_detail(format!("the last time the engine {death}")));
        }
        if is_remote {
            return Ok(());
        }
        if times > 1 {
            return Err(crashed(format!("the engine {death}, twice at the same place in this stream")));
        }
        if Arc::ptr_eq(&inner.scheduler, &self.home) {
            match self.home.dedicated() {
                Ok(dedicated) => inner.scheduler = dedicated,
                Err(problem) => tracing::warn!("the stream has no dedicated worker: {problem}"),
            }
        }
        Ok(())
    }
}
