//! The C interface: the structures of `include/auricle.h`, field by field.
//!
//! Invariant: layout and order are those of the header; a test compiles it and compares. Structures only grow, at their end. Each
//! begins with its size, as its writer compiled it; [`Versioned::read`] reads no further.

#![allow(missing_docs, reason = "the header documents them")]

use std::{
    ffi::{c_char, c_int, c_void},
    mem::{self, MaybeUninit},
    ptr,
};

/// The text of `auricle.h`, for programs that write projects in C.
pub const HEADER: &str = include_str!("../../include/auricle.h");

/// The text of `auricle.hpp`, for those in C++.
pub const CPP_HEADER: &str = include_str!("../../include/auricle.hpp");

/// The result of a call; see [`OK`].
pub type Status = u32;

/// Success.
pub const OK: Status = 0;

/// An error without a code of its own. The Rust interface has 0 for it.
pub const OTHER: Status = 1;

/// The function that a plugin exports.
pub const OPEN: &str = "auricle_plugin_open";

/// Its type. The engine's functions unwind when a C++ exception leaves them; the caller then ends the process.
pub type Open = unsafe extern "C-unwind" fn(*const Host, *mut Reply) -> *const Plugin;

/// A structure that begins with its size.
///
/// # Safety
/// The type is `repr(C)`, begins with a `usize`, and all of its bytes may be zero.
pub unsafe trait Versioned: Copy {
    /// Copies a structure that may be shorter or longer than `Self`; absent fields are zero. `None` if the pointer is null.
    ///
    /// # Safety
    /// `from` is null, or points to a structure of this kind and version, whose first field is its size.
    unsafe fn read(from: *const Self) -> Option<Self> {
        if from.is_null() {
            return None;
        }
        // SAFETY: as the caller promises, a size is there.
        let size = unsafe { from.cast::<usize>().read_unaligned() };
        let mut whole = MaybeUninit::<Self>::zeroed();
        // SAFETY: the writer's structure has at least `size` bytes, and ours has as many as it is long.
        unsafe {
            ptr::copy_nonoverlapping(from.cast::<u8>(), whole.as_mut_ptr().cast(), size.min(mem::size_of::<Self>()))
        };
        // SAFETY: all bytes are set, and zeros are valid.
        Some(unsafe { whole.assume_init() })
    }
}

macro_rules! versioned {
    ($($name:ident),*) => {
        // SAFETY: they are `repr(C)`, begin with `size`, and consist of numbers, pointers and optional functions.
        $(unsafe impl Versioned for $name {})*
    };
}

versioned!(Segment, Engine, Event, Stage, Plugin);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Reply {
    pub size: usize,
    pub write: unsafe extern "C" fn(*mut Reply, *const c_void, usize),
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Config {
    pub size: usize,
    pub json: *const c_char,
    pub text: unsafe extern "C" fn(*const Config, *const c_char) -> *const c_char,
    pub number: unsafe extern "C" fn(*const Config, *const c_char, f64) -> f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    pub size: usize,
    pub api_major: u32,
    pub api_minor: u32,
    pub origin_dir: *const c_char,
    pub resource_dirs: *const *const c_char,
    pub log_level: unsafe extern "C" fn(*const Host) -> u32,
    pub log: unsafe extern "C" fn(*const Host, u32, *const c_char),
    pub find: unsafe extern "C" fn(*const Host, *const c_char, *mut Reply) -> Status,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Word {
    pub start: u64,
    pub end: u64,
    pub text: *const c_char,
    pub confidence: f32,
    pub extra: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Segment {
    pub size: usize,
    pub start: u64,
    pub end: u64,
    pub text: *const c_char,
    pub confidence: f32,
    pub language: *const c_char,
    pub extra: *const c_char,
    pub words: *const Word,
    pub word_count: usize,
    pub word_size: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sink {
    pub size: usize,
    pub partial: unsafe extern "C" fn(*mut Sink, *const Segment),
    pub segment: unsafe extern "C" fn(*mut Sink, *const Segment),
    pub speech_started: unsafe extern "C" fn(*mut Sink, u64),
    pub endpoint: unsafe extern "C" fn(*mut Sink, u64),
    pub restart_point: unsafe extern "C" fn(*mut Sink, u64, *const c_void, usize),
    pub cancelled: unsafe extern "C" fn(*mut Sink) -> c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BatchItem {
    pub size: usize,
    pub stream: *mut c_void,
    pub sink: *mut Sink,
    pub ends: c_int,
    pub status: Status,
    pub reply: *mut Reply,
}

type Answer = unsafe extern "C-unwind" fn(*mut c_void, *mut Reply) -> Status;
type Work = unsafe extern "C-unwind" fn(*mut c_void, *mut Sink, *mut Reply) -> Status;
type Free = unsafe extern "C-unwind" fn(*mut c_void);
type Load = unsafe extern "C-unwind" fn(*const Host, *const Config, *mut *mut c_void, *mut Reply) -> Status;
type OpenStream = unsafe extern "C-unwind" fn(*mut c_void, *const Config, *mut *mut c_void, *mut Reply) -> Status;
type Init = unsafe extern "C-unwind" fn(*mut c_void, u64, *mut Reply) -> Status;
type Restore = unsafe extern "C-unwind" fn(*mut c_void, u64, *const c_void, usize, *mut Reply) -> Status;
type Files = unsafe extern "C-unwind" fn(*const Host, *const Config, *mut Reply) -> Status;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Engine {
    pub size: usize,
    pub backend: *const c_char,
    pub schema: *const c_char,
    pub load: Option<Load>,
    pub unload: Option<Free>,
    pub metadata: Option<Answer>,
    pub open: Option<OpenStream>,
    pub close: Option<Free>,
    pub init: Option<Init>,
    pub insert_audio_chunk: Option<unsafe extern "C-unwind" fn(*mut c_void, *const f32, usize, *mut Reply) -> Status>,
    pub process_iter: Option<Work>,
    pub finish: Option<Work>,
    pub restore: Option<Restore>,
    pub process_batch: Option<unsafe extern "C-unwind" fn(*mut c_void, *const *mut BatchItem, usize)>,
    pub files: Option<Files>,
}

pub const EVENT_PARTIAL: u32 = 1;
pub const EVENT_SEGMENT: u32 = 2;
pub const EVENT_SPEECH_STARTED: u32 = 3;
pub const EVENT_ENDPOINT: u32 = 4;
pub const EVENT_TURN: u32 = 5;

pub const TURN_STARTED: u32 = 1;
pub const TURN_UPDATE: u32 = 2;
pub const TURN_EAGER_END: u32 = 3;
pub const TURN_RESUMED: u32 = 4;
pub const TURN_ENDED: u32 = 5;

pub const TRIGGER_MODEL: u32 = 1;
pub const TRIGGER_MANUAL: u32 = 2;
pub const TRIGGER_TIMEOUT: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Event {
    pub size: usize,
    pub kind: u32,
    pub change: u32,
    pub trigger: u32,
    pub confidence: f32,
    pub sample: u64,
    pub segment: *const Segment,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct StageSink {
    pub size: usize,
    pub event: unsafe extern "C" fn(*mut StageSink, *const Event),
    pub cancelled: unsafe extern "C" fn(*mut StageSink) -> c_int,
}

type Report = unsafe extern "C-unwind" fn(*mut c_void, *mut StageSink, *mut Reply) -> Status;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Stage {
    pub size: usize,
    pub name: *const c_char,
    pub schema: *const c_char,
    pub load: Option<Load>,
    pub unload: Option<Free>,
    pub metadata: Option<Answer>,
    pub open: Option<OpenStream>,
    pub close: Option<Free>,
    pub init: Option<Init>,
    pub audio:
        Option<unsafe extern "C-unwind" fn(*mut c_void, *const f32, usize, *mut StageSink, *mut Reply) -> Status>,
    pub event: Option<unsafe extern "C-unwind" fn(*mut c_void, *const Event, *mut StageSink, *mut Reply) -> Status>,
    pub end_turn: Option<Report>,
    pub finish: Option<Report>,
    pub save: Option<Answer>,
    pub restore: Option<Restore>,
    pub files: Option<Files>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Plugin {
    pub size: usize,
    pub engines: *const *const Engine,
    pub engine_count: usize,
    pub stages: *const *const Stage,
    pub stage_count: usize,
}
