//! The body of a request, which must arrive at a minimum rate so that a slow sender cannot occupy a connection.

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// The minimum speed of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyPace {
    /// Time for the first bytes; it is added to the time for the rest.
    pub(super) grace: Duration,
    /// Bytes per second over the whole body, after the grace.
    pub(super) least_rate: f64,
}

/// A body that fails if it arrives too slowly.
pub(super) struct PacedBody {
    body: Body,
    pace: BodyPace,
    received: u64,
    begun: Instant,
    deadline: Pin<Box<Sleep>>,
}

impl PacedBody {
    /// Starts the time now.
    pub(super) fn new(body: Body, pace: BodyPace) -> Self {
        let begun = Instant::now();
        Self { body, pace, received: 0, begun, deadline: Box::pin(sleep_until(begun + pace.grace)) }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            let earned = Duration::from_secs_f64(this.received as f64 / this.pace.least_rate);
            this.deadline.as_mut().reset(this.begun + this.pace.grace + earned);
        }
        if frame.is_pending() && this.deadline.as_mut().poll(context).is_ready() {
            let late = io::Error::new(io::ErrorKind::TimedOut, "the request's body arrives too slowly");
            return Poll::Ready(Some(Err(axum::Error::new(late))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::unfold;

    /// A body of 20 pieces of 100 bytes, with a pause before each.
    fn body(pause: Duration) -> PacedBody {
        let pieces = unfold(0, move |n| async move {
            tokio::time::sleep(pause).await;
            (n < 20).then(|| (Ok::<_, io::Error>(Bytes::from_static(&[0; 100])), n + 1))
        });
        let pace = BodyPace { grace: Duration::from_secs(1), least_rate: 100.0 };
        PacedBody::new(Body::from_stream(pieces), pace)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_read_and_one_below_the_rate_is_not() {
        let read = |pause| axum::body::to_bytes(Body::new(body(pause)), usize::MAX);
        assert_eq!(read(Duration::from_millis(900)).await.unwrap().len(), 2_000);
        let problem = read(Duration::from_millis(1_200)).await.unwrap_err();
        assert!(problem.to_string().contains("too slowly"), "{problem}");
    }
}
