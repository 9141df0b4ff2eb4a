//! A stream whose chunks are cut elsewhere: on an engine host, where the front has cut them to the grid already.
//!
//! Each piece is one call of the engine, whatever its length. Threads: the connection's task.

use super::{Stream, inbox::Work};
use auricle_core::Event;
use std::{collections::VecDeque, sync::Arc, time::Instant};

impl Stream {
    /// Adds a chunk.
    pub fn push_chunk(self: &Arc<Self>, chunk: Vec<f32>) {
        self.command(|inbox| inbox.append(Instant::now(), Work::Chunk(chunk)));
    }

    /// Adds the last audio before a flush; `Event::Flushed(0)` follows.
    pub fn flush_chunk(self: &Arc<Self>, rest: Vec<f32>) {
        self.command(|inbox| inbox.append(Instant::now(), Work::Flush(rest, 0)));
    }

    /// Adds the last audio; `Event::Done` follows.
    pub fn finish_chunk(self: &Arc<Self>, rest: Vec<f32>) {
        self.lock().complete = true;
        self.command(|inbox| inbox.append(Instant::now(), Work::Finish(rest)));
    }

    /// Waits for events and takes all of them. Never empty. Looks at no lag: the front does.
    pub async fn hosted_events(&self) -> VecDeque<Event> {
        self.outbox.wait().await
    }

    /// Whether no work waits for the engine and no call is running.
    pub fn is_at_rest(&self) -> bool {
        let inner = self.lock();
        inner.engine.is_some() && inner.inbox.due().is_none()
    }

    /// Whether it has ended. Its last event may still come.
    pub fn is_over(&self) -> bool {
        self.lock().ended
    }
}
