//! From an encoder's frames to tokens: each stream has a search, run by the model's decoder.
//!
//! Invariant: tokens do not depend on how the frames were split into steps; streams in a batch do not affect one
//! another. Threads: a search belongs to one stream, a decoder is shared.

pub(crate) mod beam;
pub(crate) mod ctc;
pub(crate) mod greedy;

use crate::{hotwords::Hotwords, token::Token, transducer::Transducer};
use auricle_plugin_api::Error;
use beam::Beam;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A model's way to turn frames into tokens.
pub(crate) enum Decoder {
    /// The frames are log-probabilities.
    Ctc {
        /// The blank symbol.
        blank: usize,
    },
    /// The frames are inputs of the joiner.
    Transducer(Box<Transducer>),
}

/// Settings of a stream's search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Number of hypotheses; one means greedy search.
    pub(crate) paths: usize,
    /// Subtracted from the score of the blank.
    pub(crate) blank_penalty: f32,
    /// Phrases that are likely to be spoken.
    pub(crate) hotwords: Option<Arc<Hotwords>>,
}

/// The state of a stream's search between two frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Search {
    Ctc(ctc::Greedy),
    Greedy(greedy::Greedy),
    Beam(Beam),
}

/// A stream's part in a step.
pub(crate) struct Job<'a> {
    /// [frames, width]
    pub(crate) frames: ArrayView2<'a, f32>,
    pub(crate) search: &'a mut Search,
    pub(crate) options: &'a Options,
}

impl Decoder {
    /// Creates the search of a new stream.
    pub(crate) fn search(&self, options: &Options) -> Search {
        match self {
            Self::Ctc { .. } => Search::Ctc(ctc::Greedy::default()),
            Self::Transducer(transducer) if options.paths > 1 => Search::Beam(Beam::new(transducer)),
            Self::Transducer(transducer) => Search::Greedy(greedy::Greedy::new(transducer)),
        }
    }

    /// Processes the frames of a step.
    pub(crate) fn decode(&self, jobs: Vec<Job<'_>>) -> Result<(), Error> {
        let (mut greedy, mut beams) = (Vec::new(), Vec::new());
        for Job { frames, search, options } in jobs {
            match (search, self) {
                (Search::Ctc(search), Self::Ctc { blank }) => search.decode(frames, *blank),
                (Search::Greedy(search), _) => greedy.push(greedy::Job { frames, search, options }),
                (Search::Beam(search), _) => beams.push(beam::Job { frames, search, options }),
                (Search::Ctc(_), Self::Transducer(_)) => {}
            }
        }
        if let Self::Transducer(transducer) = self {
            greedy::decode(transducer, greedy)?;
            beam::decode(transducer, beams)?;
        }
        Ok(())
    }

    /// Ends an utterance: its tokens were reported, and the next utterance starts.
    pub(crate) fn end_utterance(&self, search: &mut Search) {
        match (search, self) {
            (Search::Ctc(search), _) => search.tokens.clear(),
            (Search::Greedy(search), Self::Transducer(transducer)) => search.end_utterance(transducer),
            (Search::Beam(search), Self::Transducer(transducer)) => search.end_utterance(transducer),
            (_, Self::Ctc { .. }) => {}
        }
    }

    /// Whether a search could come from [`search`](Self::search) with these options.
    pub(crate) fn is_of(&self, search: &Search, options: &Options) -> bool {
        match (search, self) {
            (Search::Ctc(_), Self::Ctc { .. }) => true,
            (Search::Greedy(search), Self::Transducer(transducer)) => options.paths <= 1 && search.is_of(transducer),
            (Search::Beam(search), Self::Transducer(transducer)) => {
                options.paths > 1 && search.is_of(transducer, options)
            }
            _ => false,
        }
    }
}

impl Search {
    /// Number of frames processed since the start of the stream.
    pub(crate) fn frame(&self) -> u64 {
        match self {
            Self::Ctc(search) => search.frame,
            Self::Greedy(search) => search.frame,
            Self::Beam(search) => search.frame,
        }
    }

    /// The tokens of the utterance so far.
    pub(crate) fn tokens(&self) -> &[Token] {
        match self {
            Self::Ctc(search) => &search.tokens,
            Self::Greedy(search) => &search.tokens,
            Self::Beam(search) => search.tokens(),
        }
    }
}
