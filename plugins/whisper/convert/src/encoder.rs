//! The encoder: computes the keys and values of the decoder's cross attention from the features of a window.
//!
//! It computes the states of the first frames only, if silence follows. These attend to the keys and values of the remaining
//! places in a window of silence, which the caller computed once, and the outputs are those of the whole window. So the cost is
//! proportional to the audio, but the model hears the 30 seconds that it was trained on. With a shorter window it repeats the end
//! of the audio.
//!
//! Inputs: `input_features` [1, bins, frames], an even number of frames, at most 2 * states. For each layer N of the encoder,
//! `silence_key.N` and `silence_value.N` [1, states, width]; for each layer N of the decoder, `silence_cross_key.N` and
//! `silence_cross_value.N`: what the network returned as `key.N` and so on for a whole window of silence. With features of a whole
//! window, these inputs are not used.
//! Outputs: for each layer N of the decoder, `cross_key.N` [1, heads, head width, states], already transposed for the product with
//! queries, and `cross_value.N` [1, heads, states, head width]. For each layer N of the encoder, `key.N` and `value.N` [1, states,
//! width] of its self attention.
//!
//! The convolutions have 32 bits in every precision.

use crate::{
    graph::{
        Axis::{Fixed, Open},
        Graph, op,
    },
    layers::Layers,
    matrix::Matrices,
    model::{Attention, Linear, Sizes, Whisper},
};
use auricle_onnx_file::{FLOAT, Node};

/// Builds the network.
pub(crate) fn network(model: &Whisper, matrices: Matrices) -> Graph {
    let Whisper { sizes, encoder, decoder } = model;
    let mut layers = Layers::new(matrices);
    layers.graph.input("input_features", FLOAT, &[Fixed(1), Fixed(sizes.bins), Open("frames")]);
    let [first, second] = &encoder.convolutions;
    let x = convolution(&mut layers, "input_features", first, 1);
    let x = convolution(&mut layers, &x, second, 2);
    let x = layers.graph.add(op("Transpose", &[&x]).with_integers("perm", &[0, 2, 1]));
    let window = Window::new(&mut layers.graph, &x, sizes.states);
    let positions = layers.constant(&encoder.positions);
    let positions = window.start(&mut layers.graph, &positions, 0);
    let mut x = layers.add(&x, &positions);
    for (number, layer) in encoder.layers.iter().enumerate() {
        let y = attention(&mut layers, &x, number, &layer.attention, sizes, &window);
        x = layers.add(&x, &y);
        x = layers.feed_forward(&x, &layer.feed_forward);
    }
    let x = layers.norm(&x, &encoder.norm);
    for (number, layer) in decoder.layers.iter().enumerate() {
        keys_and_values(&mut layers, &x, number, &layer.cross, sizes, &window);
    }
    layers.graph
}

/// Joins computed states and those of silence to a whole window. Its fields are the names of lists with one number.
struct Window {
    none: String,
    /// Number of computed states.
    computed: String,
    /// Number of states of a window.
    states: String,
}

impl Window {
    /// `x` has the computed states on its second axis.
    fn new(graph: &mut Graph, x: &str, states: usize) -> Self {
        let (none, axis, states) = (graph.numbers(&[0]), graph.numbers(&[1]), graph.numbers(&[states as i64]));
        let shape = graph.add(op("Shape", &[x]));
        let computed = graph.add(op("Gather", &[&shape, &axis]));
        Self { none, computed, states }
    }

    /// The places of the computed states in `x`.
    fn start(&self, graph: &mut Graph, x: &str, axis: i64) -> String {
        let axis = graph.numbers(&[axis]);
        graph.add(op("Slice", &[x, &self.none, &self.computed, &axis]))
    }

    /// Declares the output `name` of this shape, whose states are on `axis`, and computes it: `x`, followed by the rest of the
    /// input that is named `silence_{name}`.
    fn fill(&self, graph: &mut Graph, x: &str, name: &str, shape: &[usize], axis: i64) -> String {
        let shape: Vec<_> = shape.iter().copied().map(Fixed).collect();
        let silence = format!("silence_{name}");
        graph.input(&silence, FLOAT, &shape);
        let along = graph.numbers(&[axis]);
        let rest = graph.add(op("Slice", &[&silence, &self.computed, &self.states, &along]));
        let output = vec![graph.output(name, &shape)];
        graph.add(Node { output, ..op("Concat", &[x, &rest]).with_integer("axis", axis) })
    }
}

fn convolution(layers: &mut Layers, x: &str, filters: &Linear, stride: i64) -> String {
    let weight = layers.constant(&filters.weight);
    let bias = filters.bias.as_ref().map(|bias| layers.constant(bias)).unwrap_or_default();
    let node = op("Conv", &[x, &weight, &bias]).with_integers("kernel_shape", &[3]);
    let y = layers.graph.add(node.with_integers("pads", &[1, 1]).with_integers("strides", &[stride]));
    layers.graph.add(op("Gelu", &[&y]))
}

fn attention(
    layers: &mut Layers,
    x: &str,
    number: usize,
    attention: &Attention,
    sizes: &Sizes,
    window: &Window,
) -> String {
    let normed = layers.norm(x, &attention.norm);
    let [query, key, value] =
        [&attention.query, &attention.key, &attention.value].map(|part| layers.linear(&normed, part));
    let shape = [1, sizes.states, sizes.width];
    let key = window.fill(&mut layers.graph, &key, &format!("key.{number}"), &shape, 1);
    let value = window.fill(&mut layers.graph, &value, &format!("value.{number}"), &shape, 1);
    let node = op("MultiHeadAttention", &[&query, &key, &value]);
    let mixed = layers.graph.add(node.with_integer("num_heads", sizes.encoder_heads as i64));
    layers.linear(&mixed, &attention.out)
}

fn keys_and_values(layers: &mut Layers, x: &str, number: usize, cross: &Attention, sizes: &Sizes, window: &Window) {
    let (heads, width, states) = (sizes.decoder_heads, sizes.head_width(), sizes.states);
    let split = [0, 0, heads as i64, width as i64];
    let key = layers.linear(x, &cross.key);
    let key = layers.heads(&key, &split, &[0, 2, 3, 1], "");
    window.fill(&mut layers.graph, &key, &format!("cross_key.{number}"), &[1, heads, width, states], 3);
    let value = layers.linear(x, &cross.value);
    let value = layers.heads(&value, &split, &[0, 2, 1, 3], "");
    window.fill(&mut layers.graph, &value, &format!("cross_value.{number}"), &[1, heads, states, width], 2);
}
