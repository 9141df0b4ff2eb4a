//! Plugins with a sound manifest that go wrong, or take long, while they are being opened, one for each feature.

use auricle_plugin_api::{AsrProcessor, Config, Error, Host, Metadata, Model, ModelLoader, Sink};
use std::sync::Arc;

/// Runs when the library is mapped, before any check of it.
#[cfg(any(feature = "crash", feature = "hang", feature = "slow"))]
#[used]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(target_os = "windows", unsafe(link_section = ".CRT$XCU"))]
#[cfg_attr(not(any(target_os = "macos", target_os = "windows")), unsafe(link_section = ".init_array"))]
static CONSTRUCTOR: extern "C" fn() = constructor;

#[cfg(feature = "crash")]
extern "C" fn constructor() {
    // SAFETY: none. The write is meant to fault: no page is ever mapped at this address.
    unsafe { std::ptr::without_provenance_mut::<u64>(64).write_volatile(1) }
}

#[cfg(feature = "hang")]
extern "C" fn constructor() {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3_600));
    }
}

#[cfg(feature = "slow")]
extern "C" fn constructor() {
    std::thread::sleep(std::time::Duration::from_secs(3));
}

struct Idle;

/// Makes the loader.
fn idle() -> Idle {
    if cfg!(feature = "panic") {
        panic!("no engine today");
    }
    Idle
}

#[cfg(feature = "undefined")]
unsafe extern "C" {
    fn auricle_symbol_that_nobody_defines();
}

impl ModelLoader for Idle {
    type Model = Idle;

    fn backend(&self) -> &str {
        "bad"
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Idle, Error> {
        #[cfg(feature = "undefined")]
        // SAFETY: never reached: a library with a missing symbol is not opened.
        unsafe {
            auricle_symbol_that_nobody_defines();
        }
        Ok(Idle)
    }
}

impl Model for Idle {
    type Processor = Idle;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 1_600)
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<Idle, Error> {
        Ok(Idle)
    }
}

impl AsrProcessor for Idle {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn insert_audio_chunk(&mut self, _: &[f32]) -> Result<(), Error> {
        Ok(())
    }

    fn process_iter(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }
}

auricle_plugin_api::export_engine!(idle());
