//! A Whisper's weights, by what they are for.
//!
//! Invariants: nothing is missing, every tensor has the shape that [`Sizes`] says, and every number is finite. Tensors carry
//! the names that Hugging Face's transformers gives them: they name the constants of the networks.

use half::f16;
use prost::bytes::Bytes;

/// What the shapes of the tensors come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) width: usize,
    pub(crate) bins: usize,
    /// Of the encoder, in a window: 50 for each second.
    pub(crate) states: usize,
    /// Tokens that the decoder can hold, the prompt included.
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
    /// Of the decoder's heads.
    pub(crate) fn head_width(&self) -> usize {
        self.width / self.decoder_heads
    }
}

/// Numbers as the file has them, in little endian.
#[derive(Debug, Clone)]
pub(crate) enum Numbers {
    Float16(Bytes),
    Float32(Bytes),
}

impl Numbers {
    /// Part `part` of `parts` equal ones.
    pub(crate) fn part(&self, part: usize, parts: usize) -> Self {
        let cut = |bytes: &Bytes| bytes.slice(bytes.len() / parts * part..bytes.len() / parts * (part + 1));
        match self {
            Self::Float16(bytes) => Self::Float16(cut(bytes)),
            Self::Float32(bytes) => Self::Float32(cut(bytes)),
        }
    }

    /// Each, with 32 bits.
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
    /// With 32 bits.
    pub(crate) fn values(&self) -> Vec<f32> {
        self.numbers.iter().collect()
    }
}

/// A matrix [out, in], or the filters of a convolution [out, in, frames]; keys have no bias.
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

/// An attention, and the norm before it.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    /// What its tensors' names begin with.
    pub(crate) name: String,
    pub(crate) norm: Norm,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) out: Linear,
}

/// The two matrices behind the attentions, and the norm before them.
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
    /// To the tokens before.
    pub(crate) attention: Attention,
    /// To the audio.
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
    /// The embeddings of the tokens, which are the matrix of the logits too.
    pub(crate) tokens: Tensor,
    pub(crate) positions: Tensor,
    pub(crate) layers: Vec<DecoderLayer>,
    pub(crate) norm: Norm,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Whisper {
    pub(crate) sizes: Sizes,
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
}
