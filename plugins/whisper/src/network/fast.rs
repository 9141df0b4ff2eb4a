//! Files in the fast layout, as converted from an export by `convert/`.
//!
//! The encoder returns keys and values of the decoder's cross attentions, which are bound once per decode. The caches
//! of a decode have the maximum length of a text and are bound as input and as output: a token's keys and values are
//! written in place, and nothing else is copied, unless a beam continues another one's text. Caches are reused by later
//! decodes; their content beyond a text's length is never read.

mod encoder;

use super::{Attention, Audio, Decode, Layout, Sizes, ids};
use crate::window::Window;
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::{Lent, Options, Runtime, Sessions};
use encoder::Encoder;
use ort::{
    memory::Allocator,
    session::{IoBinding, Session},
    value::{Tensor, ValueType},
};
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

/// The name of the layout in the files' metadata.
const LAYOUT: &str = "whisper-fast-3";

/// An opened model in the fast layout.
pub(super) struct Fast {
    encoder: Encoder,
    decoder: Sessions,
    sizes: Sizes,
    /// Names of the audio's keys and values: key and value for each layer.
    cross: Vec<String>,
    /// Names of the caches, as inputs and as outputs: key and value for each layer.
    caches: Vec<(String, String)>,
    /// Number of heads in `alignment`.
    aligned: usize,
    idle: Mutex<Vec<Caches>>,
}

/// Alternating keys and values of the beams, [beams, heads, positions, head width], for each layer.
struct Caches {
    beams: usize,
    tensors: Vec<Tensor<f32>>,
}

impl Fast {
    pub(super) fn open(
        runtime: &Runtime,
        encoder: &Path,
        decoder: &Path,
        sizes: Sizes,
        options: Options,
    ) -> Result<Self, Error> {
        let open = |file: &Path| {
            let sessions = Sessions::open(runtime, file, options)?;
            let found = sessions.lend()?.metadata()?.custom("auricle.layout");
            if found.as_deref() == Some(LAYOUT) {
                return Ok(sessions);
            }
            let found = found.unwrap_or_else(|| "none".to_owned());
            Err(Error::model(format!(
                "{}: its layout is {found}, not {LAYOUT}; convert the model again",
                file.display()
            )))
        };
        let (encoder, decoder) = (open(encoder)?, open(decoder)?);
        let each = |name: &str, layer: usize| ["key", "value"].map(|what| format!("{name}_{what}.{layer}"));
        let cross: Vec<_> = (0..sizes.layers).flat_map(|layer| each("cross", layer)).collect();
        let caches =
            (0..sizes.layers).flat_map(|layer| each("past", layer).into_iter().zip(each("present", layer))).collect();
        let aligned = aligned(&*decoder.lend()?);
        let encoder = Encoder::new(encoder, cross.clone(), sizes.clone())?;
        Ok(Self { encoder, decoder, sizes, cross, caches, aligned, idle: Mutex::default() })
    }

    /// Caches of a decode that is over, or new ones.
    fn lend(&self, beams: usize) -> Result<Caches, Error> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = idle.iter().position(|caches| caches.beams == beams) {
            return Ok(idle.swap_remove(place));
        }
        drop(idle);
        let Sizes { heads, positions, head_width, .. } = self.sizes;
        let tensor = |_| Tensor::new(&Allocator::default(), [beams, heads, positions, head_width]);
        let tensors = self.caches.iter().map(tensor).collect::<Result<_, _>>()?;
        Ok(Caches { beams, tensors })
    }

    fn give_back(&self, caches: Caches) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(caches);
    }

    /// Binds everything for calls with `tokens` tokens in each text; logits are needed after those at `rows`.
    fn call(
        &self,
        session: &Session,
        audio: &Audio,
        caches: &mut Caches,
        tokens: usize,
        rows: &[usize],
    ) -> Result<Call, Error> {
        let (beams, memory) = (caches.beams, Allocator::default());
        let mut binding = session.create_binding()?;
        for (name, value) in self.cross.iter().zip(&audio.0) {
            binding.bind_input(name, value)?;
        }
        for ((past, present), tensor) in self.caches.iter().zip(&mut caches.tensors) {
            binding.bind_input(past, tensor)?;
            binding.bind_output(present, tensor)?;
        }
        let mut logits_at = Tensor::new(&memory, [rows.len()])?;
        for (to, row) in logits_at.extract_tensor_mut().1.iter_mut().zip(rows) {
            *to = *row as i64;
        }
        let mut call = Call {
            input_ids: Tensor::new(&memory, [beams, tokens])?,
            position_ids: Tensor::new(&memory, [tokens])?,
            lengths: Tensor::new(&memory, [beams])?,
            total: Tensor::new(&memory, [1usize])?,
            logits: Tensor::new(&memory, [beams, rows.len(), self.sizes.vocabulary])?,
            binding,
        };
        let binding = &mut call.binding;
        binding.bind_input("input_ids", &call.input_ids)?;
        binding.bind_input("position_ids", &call.position_ids)?;
        binding.bind_input("seqlens_k", &call.lengths)?;
        binding.bind_input("total_sequence_length", &call.total)?;
        binding.bind_input("logits_at", &logits_at)?;
        binding.bind_output("logits", &mut call.logits)?;
        Ok(call)
    }
}

/// Number of heads in the output `alignment`; 0 if it is missing.
fn aligned(session: &Session) -> usize {
    let output = session.outputs().iter().find(|output| output.name() == "alignment");
    match output.map(|output| output.dtype()) {
        Some(ValueType::Tensor { shape, .. }) => shape.first().map_or(0, |heads| usize::try_from(*heads).unwrap_or(0)),
        _ => 0,
    }
}

impl Layout for Fast {
    fn encode(&self, window: &Window) -> Result<Audio, Error> {
        self.encoder.encode(window)
    }

    fn begin<'a>(
        &'a self,
        audio: &'a Audio,
        prompt: &[u32],
        rows: &[usize],
        beams: usize,
    ) -> Result<Box<dyn Decode + 'a>, Error> {
        let mut session = self.decoder.lend()?;
        let mut caches = self.lend(1)?;
        let mut call = self.call(&session, audio, &mut caches, prompt.len(), rows)?;
        call.run(&mut session, &ids(prompt), 0)?;
        let caches = Some(caches);
        let (fast, length) = (self, prompt.len());
        Ok(Box::new(Text { fast, audio, session, call, caches, beams, length, begun: false, single: false }))
    }

    fn attends(&self) -> bool {
        self.aligned > 0
    }

    fn attention(&self, audio: &Audio, tokens: &[u32], from: usize, frames: usize) -> Result<Attention, Error> {
        let mut session = self.decoder.lend()?;
        let mut caches = self.lend(1)?;
        let mut call = self.call(&session, audio, &mut caches, tokens.len(), &[tokens.len() - 1])?;
        let states = self.sizes.states;
        let mut looks = Tensor::<f32>::new(&Allocator::default(), [self.aligned, tokens.len(), states])?;
        call.binding.bind_output("alignment", &mut looks)?;
        call.run(&mut session, &ids(tokens), 0)?;
        self.give_back(caches);
        let heads = looks.extract_tensor().1.chunks_exact(tokens.len() * states);
        Attention::cut(heads, states, from, frames)
    }
}

/// The bindings for calls of one shape.
struct Call {
    binding: IoBinding,
    input_ids: Tensor<i64>,
    position_ids: Tensor<i64>,
    lengths: Tensor<i32>,
    total: Tensor<i32>,
    logits: Tensor<f32>,
}

impl Call {
    /// Runs it on tokens that follow the first `length`.
    fn run(&mut self, session: &mut Session, tokens: &[i64], length: usize) -> Result<(), Error> {
        self.input_ids.extract_tensor_mut().1.copy_from_slice(tokens);
        let mut after = length;
        for position in self.position_ids.extract_tensor_mut().1 {
            *position = after as i64;
            after += 1;
        }
        self.lengths.extract_tensor_mut().1.fill(after as i32 - 1);
        self.total.extract_tensor_mut().1.fill(after as i32);
        session.run_binding(&self.binding)?;
        Ok(())
    }
}

/// A decode.
struct Text<'a> {
    fast: &'a Fast,
    audio: &'a Audio,
    session: Lent<'a>,
    call: Call,
    /// `Some` until dropped.
    caches: Option<Caches>,
    beams: usize,
    length: usize,
    /// Whether there was a token after the prompt.
    begun: bool,
    /// Whether `call` is for single tokens.
    single: bool,
}

impl Decode for Text<'_> {
    fn step(&mut self, tokens: &[u32], parents: &[usize]) -> Result<(), Error> {
        let Some(mut caches) = self.caches.take() else { unreachable!("the caches exist until the decode is dropped") };
        if !self.begun {
            if self.beams > 1 {
                let one = std::mem::replace(&mut caches, self.fast.lend(self.beams)?);
                caches.spread(&one, self.length);
                self.fast.give_back(one);
            }
            self.begun = true;
        } else {
            caches.follow(parents, self.length);
        }
        if !self.single {
            self.call = self.fast.call(&self.session, self.audio, &mut caches, 1, &[0])?;
            self.single = true;
        }
        self.caches = Some(caches);
        self.call.run(&mut self.session, &ids(tokens), self.length)?;
        self.length += 1;
        Ok(())
    }

    fn extend(&mut self, tokens: &[u32]) -> Result<usize, Error> {
        if tokens.len() == 1 {
            return self.step(tokens, &[0]).map(|()| 1);
        }
        let Some(mut caches) = self.caches.take() else { unreachable!("the caches exist until the decode is dropped") };
        let rows: Vec<usize> = (0..tokens.len()).collect();
        self.call = self.fast.call(&self.session, self.audio, &mut caches, tokens.len(), &rows)?;
        (self.begun, self.single, self.caches) = (true, false, Some(caches));
        self.call.run(&mut self.session, &ids(tokens), self.length)?;
        self.length += tokens.len();
        Ok(tokens.len())
    }

    fn take_back(&mut self, count: usize) {
        // What the caches hold beyond the length is never read.
        self.length -= count;
    }

    fn logits(&mut self, row: usize) -> Result<&mut [f32], Error> {
        let size = self.fast.sizes.vocabulary;
        Ok(&mut self.call.logits.extract_tensor_mut().1[row * size..][..size])
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Some(caches) = self.caches.take() {
            self.fast.give_back(caches);
        }
    }
}

impl Caches {
    /// Copies the first `length` tokens of the only text in `one` to every text.
    fn spread(&mut self, one: &Self, length: usize) {
        for (to, from) in self.tensors.iter_mut().zip(&one.tensors) {
            let shape = from.shape();
            let (head, used) = ((shape[2] * shape[3]) as usize, length * shape[3] as usize);
            let from = from.extract_tensor().1;
            for text in to.extract_tensor_mut().1.chunks_exact_mut(from.len()) {
                for (to, from) in text.chunks_exact_mut(head).zip(from.chunks_exact(head)) {
                    to[..used].copy_from_slice(&from[..used]);
                }
            }
        }
    }

    /// Copies to each text the `length` tokens of its parent.
    fn follow(&mut self, parents: &[usize], length: usize) {
        let mut kept = Vec::new();
        let moved = || parents.iter().enumerate().filter(|(beam, parent)| beam != *parent);
        if moved().next().is_none() {
            return;
        }
        for tensor in &mut self.tensors {
            let shape = tensor.shape();
            let (heads, head) = (shape[1] as usize, (shape[2] * shape[3]) as usize);
            let used = length * shape[3] as usize;
            let values = tensor.extract_tensor_mut().1;
            // All are read before any is written, because a text may be a parent and have one itself.
            kept.clear();
            for (_, parent) in moved() {
                let text = &values[parent * heads * head..][..heads * head];
                kept.extend(text.chunks_exact(head).flat_map(|head| &head[..used]));
            }
            let mut kept = kept.chunks_exact(used);
            for (beam, _) in moved() {
                let text = &mut values[beam * heads * head..][..heads * head];
                for (to, from) in text.chunks_exact_mut(head).zip(kept.by_ref()) {
                    to[..used].copy_from_slice(from);
                }
            }
        }
    }
}
