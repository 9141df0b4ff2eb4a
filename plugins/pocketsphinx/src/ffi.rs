//! The C functions of `bridge/bridge.c`, and nothing else: the only file that declares foreign functions.
//!
//! Invariant: none of them ends the process or prints; -1 means that the call failed, and [`auricle_ps_complaint`] has
//! the reason. Threads: a decoder is used by one thread at a time; the contracts are in `bridge.c`.

use std::ffi::{c_char, c_double, c_float, c_int, c_void};

/// A decoder of PocketSphinx.
#[repr(C)]
pub(crate) struct RawDecoder {
    _opaque: [u8; 0],
}

/// A word, as the bridge returns it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RawWord {
    /// Owned by the decoder, valid as long as it lives.
    pub(crate) text: *const c_char,
    /// Its first frame in the utterance.
    pub(crate) first_frame: c_int,
    /// Its last frame.
    pub(crate) last_frame: c_int,
    /// Its posterior probability; 1 within an utterance.
    pub(crate) posterior: c_double,
}

unsafe extern "C" {
    pub(crate) fn auricle_ps_log_to(log: extern "C" fn(c_int, *const c_char));
    pub(crate) fn auricle_ps_complaint() -> *const c_char;
    pub(crate) fn auricle_ps_open(
        count: c_int,
        arguments: *const *const c_char,
        decoder: *mut *mut RawDecoder,
    ) -> c_int;
    pub(crate) fn auricle_ps_close(decoder: *mut RawDecoder) -> c_int;
    pub(crate) fn auricle_ps_start(decoder: *mut RawDecoder) -> c_int;
    pub(crate) fn auricle_ps_process(decoder: *mut RawDecoder, samples: *const i16, count: usize) -> c_int;
    pub(crate) fn auricle_ps_end(decoder: *mut RawDecoder) -> c_int;
    pub(crate) fn auricle_ps_words(decoder: *mut RawDecoder, words: *mut RawWord, room: c_int) -> c_int;
    pub(crate) fn auricle_ps_cmn(decoder: *mut RawDecoder, mean: *mut c_float, length: c_int) -> c_int;
    pub(crate) fn auricle_ps_set_cmn(decoder: *mut RawDecoder, mean: *const c_float, length: c_int) -> c_int;
    pub(crate) fn auricle_ps_vad_size() -> usize;
    pub(crate) fn auricle_ps_vad_init(detector: *mut c_void, mode: c_int) -> c_int;
    pub(crate) fn auricle_ps_vad_is_speech(detector: *mut c_void, samples: *const i16, count: usize) -> c_int;
}
