//! The weights of a Whisper model, by layer.
//!
//! Invariants: no tensor is missing, every tensor has the shape that follows from [`Sizes`], and every number is finite. Tensors have
//! the names of Hugging Face's transformers. The networks' constants get the same names.

use half::f16;
use prost::bytes::Bytes;

/// The sizes of a model, read from the shapes of its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) width: usize,
    pub(crate) bins: usize,
    /// Frames that the encoder outputs for a window: 50 per second.
    pub(crate) states: usize,
    /// The decoder's maximum number of tokens, with the prompt.
    pub(crate) positions: usize,
    pub(crate) vocabulary: usize,
    pub(crate) encoder_layers: usize,
    pub(crate) encoder_heads: usize,
    pub(crate) encoder_inner: usize,
    pub(crate) decoder_layers: usize,
    pub(crate) decoder_heads: usize,
    pub(crate) decoder_inner: usize,
}

impl Sizes {
    /// The width of a head of the decoder.
    pub(crate) fn head_width(&self) -> usize {
        self.width / self.decoder_heads
    }
}

/// Numbers in the file's type, little endian.
#[derive(Debug, Clone)]
pub(crate) enum Numbers {
    Float16(Bytes),
    Float32(Bytes),
}

impl Numbers {
    /// Splits the numbers into `parts` equal parts and returns part `part`.
    pub(crate) fn part(&self, part: usize, parts: usize) -> Self {
        let cut = |bytes: &Bytes| bytes.slice(bytes.len() / parts * part..bytes.len() / parts * (part + 1));
        match self {
            Self::Float16(bytes) => Self::Float16(cut(bytes)),
            Self::Float32(bytes) => Self::Float32(cut(bytes)),
        }
    }

    /// The numbers as 32-bit floats.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = f32> + '_> {
        match self {
            Self::Float16(bytes) => Box::new(bytes.as_chunks().0.iter().map(|x| f16::from_le_bytes(*x).to_f32())),
            Self::Float32(bytes) => Box::new(bytes.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x))),
        }
    }
}

/// Numbers with a name and a shape.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Numbers,
}

impl Tensor {
    /// The numbers as 32-bit floats.
    pub(crate) fn values(&self) -> Vec<f32> {
        self.numbers.iter().collect()
    }
}

/// A matrix [out, in], or the filters of a convolution [out, in, frames]. Keys have no bias.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
}

/// A layer norm.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
}

/// An attention block and the norm before it.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    /// The beginning of its tensors' names.
    pub(crate) name: String,
    pub(crate) norm: Norm,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) out: Linear,
}

/// A feed-forward block: the norm, then two matrices.
#[derive(Debug, Clone)]
pub(crate) struct FeedForward {
    pub(crate) norm: Norm,
    pub(crate) first: Linear,
    pub(crate) second: Linear,
}

/// A layer of the encoder.
#[derive(Debug, Clone)]
pub(crate) struct EncoderLayer {
    pub(crate) attention: Attention,
    pub(crate) feed_forward: FeedForward,
}

/// A layer of the decoder.
#[derive(Debug, Clone)]
pub(crate) struct DecoderLayer {
    /// Self attention over the tokens so far.
    pub(crate) attention: Attention,
    /// Cross attention over the audio.
    pub(crate) cross: Attention,
    pub(crate) feed_forward: FeedForward,
}

/// The encoder.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    pub(crate) convolutions: [Linear; 2],
    pub(crate) positions: Tensor,
    pub(crate) layers: Vec<EncoderLayer>,
    pub(crate) norm: Norm,
}

/// The decoder.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    /// The embeddings of the tokens, which are also the logits' matrix.
    pub(crate) tokens: Tensor,
    pub(crate) positions: Tensor,
    pub(crate) layers: Vec<DecoderLayer>,
    pub(crate) norm: Norm,
}

/// A complete model.
#[derive(Debug, Clone)]
pub(crate) struct Whisper {
    pub(crate) sizes: Sizes,
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
}
