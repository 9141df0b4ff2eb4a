//! The receiver of a stream's events, as the engine sees it.

use crate::{
    Segment, Sink, Word,
    abi::c::{self, Versioned},
    guard::guard,
};
use serde_json::{Map, Value};
use std::{
    ffi::{CStr, c_char, c_int, c_void},
    mem, slice,
};

/// More words are those of a damaged structure.
const MOST_WORDS: usize = 1 << 20;

/// A sink for one call.
#[repr(C)]
pub(super) struct Events<'a, 'b> {
    /// The first field, so that the engine's pointer to it is one to the whole.
    raw: c::Sink,
    sink: &'a mut Sink<'b>,
}

impl<'a, 'b> Events<'a, 'b> {
    pub(super) fn new(sink: &'a mut Sink<'b>) -> Self {
        let raw = c::Sink {
            size: mem::size_of::<c::Sink>(),
            partial,
            segment,
            speech_started,
            endpoint,
            restart_point,
            cancelled,
        };
        Self { raw, sink }
    }

    /// For the engine, as long as `self` is not moved.
    pub(super) fn raw(&mut self) -> *mut c::Sink {
        (&raw mut *self).cast()
    }
}

/// Passes on an event. A panic of the server's sink must not reach the engine.
///
/// # Safety
/// `sink` is null or that of [`Events::raw`], within its call.
unsafe fn tell<T: Default>(sink: *mut c::Sink, tell: impl FnOnce(&mut Sink<'_>) -> T) -> T {
    // SAFETY: as the caller promises.
    let events = unsafe { sink.cast::<Events<'_, '_>>().as_mut() };
    guard(|| Ok(events.map(|events| tell(events.sink)).unwrap_or_default())).unwrap_or_default()
}

unsafe extern "C" fn partial(sink: *mut c::Sink, segment: *const c::Segment) {
    // SAFETY: the engine passes a segment and its sink.
    unsafe { read_segment(segment).into_iter().for_each(|segment| tell(sink, |sink| sink.partial(&segment))) }
}

unsafe extern "C" fn segment(sink: *mut c::Sink, segment: *const c::Segment) {
    // SAFETY: the engine passes a segment and its sink.
    unsafe { read_segment(segment).into_iter().for_each(|segment| tell(sink, |sink| sink.segment(&segment))) }
}

unsafe extern "C" fn speech_started(sink: *mut c::Sink, sample: u64) {
    // SAFETY: the engine passes its sink.
    unsafe { tell(sink, |sink| sink.speech_started(sample)) }
}

unsafe extern "C" fn endpoint(sink: *mut c::Sink, sample: u64) {
    // SAFETY: the engine passes its sink.
    unsafe { tell(sink, |sink| sink.endpoint(sample)) }
}

unsafe extern "C" fn restart_point(sink: *mut c::Sink, sample: u64, state: *const c_void, size: usize) {
    // SAFETY: the engine passes `size` bytes.
    let state = if state.is_null() { &[] } else { unsafe { slice::from_raw_parts(state.cast(), size) } };
    // SAFETY: the engine passes its sink.
    unsafe { tell(sink, |sink| sink.restart_point(sample, state)) }
}

unsafe extern "C" fn cancelled(sink: *mut c::Sink) -> c_int {
    // SAFETY: the engine passes its sink.
    c_int::from(unsafe { tell(sink, |sink| sink.cancelled()) })
}

/// Copies a segment. `None` if the pointer is null.
///
/// # Safety
/// The segment is as the header describes it, or the pointer is null.
pub(super) unsafe fn read_segment(segment: *const c::Segment) -> Option<Segment> {
    // SAFETY: as the caller promises.
    let raw = unsafe { c::Segment::read(segment) }?;
    // SAFETY: the strings end with 0 or are null.
    let (text, language, extra) = unsafe { (bytes(raw.text), bytes(raw.language), bytes(raw.extra)) };
    let mut segment = Segment::new(raw.start, raw.end, text);
    segment.confidence = known(raw.confidence);
    segment.language = (!language.is_empty()).then(|| String::from_utf8_lossy(&language).into_owned());
    segment.extra = fields(&extra);
    let step = raw.word_size;
    if !raw.words.is_null() && step >= mem::size_of::<c::Word>() {
        for at in 0..raw.word_count.min(MOST_WORDS) {
            // SAFETY: the words follow one another, each `word_size` bytes long.
            let word = unsafe { raw.words.cast::<u8>().add(at * step).cast::<c::Word>().read_unaligned() };
            // SAFETY: the strings end with 0 or are null.
            let (text, extra) = unsafe { (bytes(word.text), bytes(word.extra)) };
            let mut copy = Word::new(word.start, word.end, text);
            (copy.confidence, copy.extra) = (known(word.confidence), fields(&extra));
            segment.words.push(copy);
        }
    }
    Some(segment)
}

fn known(confidence: f32) -> Option<f32> {
    (confidence > 0.0).then_some(confidence)
}

fn fields(json: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(json).unwrap_or_default()
}

/// # Safety
/// The string ends with 0, or the pointer is null.
unsafe fn bytes(text: *const c_char) -> Vec<u8> {
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_bytes().to_vec()
}
