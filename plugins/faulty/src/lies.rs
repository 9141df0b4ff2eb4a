//! Invalid events, reported with the safe API, like those of an engine with a bug.

use crate::fault::Fault;
use auricle_plugin_api::{Segment, Sink, Word};

/// Number of partials, and of segments, that `flood` reports in one call.
pub(crate) const FLOOD: usize = 10_000;

/// Maximum size of a restart point's state.
const STATE_LIMIT: usize = 1 << 20;

/// Reports invalid events for a stream with samples up to `now`; nothing for other faults.
pub(crate) fn report(fault: Fault, megabytes: usize, sink: &mut Sink<'_>, now: u64) {
    let before = now.saturating_sub(400);
    match fault {
        Fault::Flood => {
            for i in 0..FLOOD {
                sink.partial(&Segment::new(now, now, format!("partial {i}")));
                sink.segment(&Segment::new(now, now, format!("segment {i}")));
            }
        }
        Fault::Disordered => {
            sink.segment(&Segment::new(now, before, "ends before it starts"));
            sink.segment(&Segment::new(before, now, "overlaps"));
            sink.segment(&Segment::new(0, before, "comes too late"));
            sink.partial(&Segment::new(0, 1, "lies before the last segment"));
            sink.endpoint(now);
            sink.speech_started(before);
            sink.endpoint(before);
        }
        Fault::Outside => {
            sink.partial(&Segment::new(u64::MAX - 1, u64::MAX, "at the end of time"));
            sink.segment(&Segment::new(now, u64::MAX, "lasts for ever"));
            sink.speech_started(u64::MAX);
            sink.endpoint(now + 1_000_000);
            sink.restart_point(now + 1_000_000, b"ahead");
        }
        Fault::InvalidUtf8 => {
            let text = b"caf\xc3\xa9 \xff\xfe \xe2\x82 end".to_vec();
            sink.partial(&Segment::new(before, now, text.clone()));
            sink.segment(&Segment::new(before, now, text).words(vec![Word::new(before, now, vec![0xff])]));
        }
        Fault::HugeText => sink.segment(&Segment::new(before, now, vec![b'a'; megabytes << 20])),
        Fault::NotANumber => {
            for confidence in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 7.0] {
                let words = vec![
                    Word::new(now + 5, now, "backwards").confidence(confidence),
                    Word::new(0, u64::MAX, "outside").confidence(confidence),
                ];
                let segment = Segment::new(now, now, "odd").confidence(confidence).words(words);
                sink.partial(&segment);
                sink.segment(&segment);
            }
        }
        Fault::BadState => sink.restart_point(now, &vec![0; STATE_LIMIT + 1]),
        _ => {}
    }
}
