//! A client's detector of the end of speech: Silero, and 200 ms without speech.

use crate::Done;
use auricle_plugin_kit::{
    onnx::Sessions,
    vad::{Silero, Vad, WINDOW},
};
use auricle_plugin_test::StubHost;
use std::{path::Path, sync::Arc};

const SPEECH: f32 = 0.5;
/// 200 ms of windows of 32 ms, and the rest of the last one.
const SILENT_WINDOWS: usize = 7;

/// The network, for all streams.
pub(super) struct Detector(Arc<Sessions>);

impl Detector {
    /// Loads the network from the folder with ONNX Runtime.
    pub(super) fn load(runtime: &Path) -> Done<Self> {
        let sessions =
            Silero::load(&StubHost::new().resource_dir(runtime).as_host()).map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(sessions)))
    }

    pub(super) fn stream(&self) -> Ends {
        Ends { vad: Silero::new(Arc::clone(&self.0)), rest: Vec::new(), silent: None }
    }
}

/// The ends of speech in a stream.
pub(super) struct Ends {
    vad: Silero,
    rest: Vec<f32>,
    /// Windows of silence since the last speech; `None` without speech.
    silent: Option<usize>,
}

impl Ends {
    /// Processes audio; returns whether speech has ended.
    pub(super) fn process(&mut self, samples: impl Iterator<Item = f32>) -> Done<bool> {
        self.rest.extend(samples);
        let rest = std::mem::take(&mut self.rest);
        let (windows, left) = rest.as_chunks::<WINDOW>();
        self.rest = left.to_vec();
        let mut ended = false;
        for window in windows {
            let speech = self.vad.probability(window).map_err(|error| error.to_string())? >= SPEECH;
            self.silent = match (self.silent, speech) {
                (_, true) => Some(0),
                (Some(silent), false) if silent + 1 >= SILENT_WINDOWS => {
                    ended = true;
                    None
                }
                (silent, false) => silent.map(|silent| silent + 1),
            };
        }
        Ok(ended)
    }
}
