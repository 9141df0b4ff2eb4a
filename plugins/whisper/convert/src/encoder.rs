//! The encoder: computes the keys and values of the decoder's cross attention from the features of a window.
//!
//! If padding follows the audio, it does not compute all states of a window. Those of the audio are computed, and of the others a few:
//! `places` says which. Each key or value of another state is the one of a window of padding alone, which the caller computed once,
//! plus the difference that the nearest computed state shows: the audio's influence on the padding changes slowly from state to state,
//! while their positions do not. So the cost is about proportional to the audio, but the model hears the 30 seconds that it was trained
//! on. With a shorter window it repeats the end of the audio.
//!
//! Inputs: `input_features` [1, bins, frames], an even number of frames, at most 2 * states; the features of later frames are as the
//! last ones. `places` [computed]: the places of the computed states in the window. `nearest` [states]: for each place the index in
//! `places` that is the nearest. For each layer N of the encoder, `padding_key.N` and `padding_value.N` [1, states, width]; for each
//! layer N of the decoder, `padding_cross_key.N` and `padding_cross_value.N`: what the network returned as `key.N` and so on for a
//! window of padding whose states were all computed. If all are computed, these inputs have no effect, but must be finite.
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
use auricle_onnx_file::{FLOAT, INT64, Node};

/// Builds the network.
pub(crate) fn network(model: &Whisper, matrices: Matrices) -> Graph {
    let Whisper { sizes, encoder, decoder } = model;
    let mut layers = Layers::new(matrices);
    layers.graph.input("input_features", FLOAT, &[Fixed(1), Fixed(sizes.bins), Open("frames")]);
    let [first, second] = &encoder.convolutions;
    let x = convolution(&mut layers, "input_features", first, 1);
    let x = convolution(&mut layers, &x, second, 2);
    let x = layers.graph.add(op("Transpose", &[&x]).with_integers("perm", &[0, 2, 1]));
    layers.graph.input(PLACES, INT64, &[Open("computed")]);
    layers.graph.input(NEAREST, INT64, &[Fixed(sizes.states)]);
    let x = at_places(&mut layers.graph, &x);
    let positions = layers.constant(&encoder.positions);
    let positions = layers.graph.add(op("Gather", &[&positions, PLACES]));
    let mut x = layers.add(&x, &positions);
    for (number, layer) in encoder.layers.iter().enumerate() {
        let y = attention(&mut layers, &x, number, &layer.attention, sizes);
        x = layers.add(&x, &y);
        x = layers.feed_forward(&x, &layer.feed_forward);
    }
    let x = layers.norm(&x, &encoder.norm);
    for (number, layer) in decoder.layers.iter().enumerate() {
        keys_and_values(&mut layers, &x, number, &layer.cross, sizes);
    }
    layers.graph
}

/// The input with the places of the computed states.
const PLACES: &str = "places";
/// The input with the nearest computed state of each place.
const NEAREST: &str = "nearest";

/// The rows of `x` at the places of the computed states; after its end, the last row.
fn at_places(graph: &mut Graph, x: &str) -> String {
    let one = graph.numbers(&[1]);
    let shape = graph.add(op("Shape", &[x]));
    let length = graph.add(op("Gather", &[&shape, &one]));
    let last = graph.add(op("Sub", &[&length, &one]));
    let rows = graph.add(op("Min", &[PLACES, &last]));
    graph.add(op("Gather", &[x, &rows]).with_integer("axis", 1))
}

/// Declares the output `name` of this shape, whose states are on `axis`, and computes it for all places from `x`, which has the
/// computed states: the input `padding_{name}`, plus its difference at the nearest computed state.
fn whole(graph: &mut Graph, x: &str, name: &str, shape: &[usize], axis: i64) -> String {
    let shape: Vec<_> = shape.iter().copied().map(Fixed).collect();
    let padding = format!("padding_{name}");
    graph.input(&padding, FLOAT, &shape);
    let there = graph.add(op("Gather", &[&padding, PLACES]).with_integer("axis", axis));
    let difference = graph.add(op("Sub", &[x, &there]));
    let difference = graph.add(op("Gather", &[&difference, NEAREST]).with_integer("axis", axis));
    let output = vec![graph.output(name, &shape)];
    graph.add(Node { output, ..op("Add", &[&padding, &difference]) })
}

fn convolution(layers: &mut Layers, x: &str, filters: &Linear, stride: i64) -> String {
    let weight = layers.constant(&filters.weight);
    let bias = filters.bias.as_ref().map(|bias| layers.constant(bias)).unwrap_or_default();
    let node = op("Conv", &[x, &weight, &bias]).with_integers("kernel_shape", &[3]);
    let y = layers.graph.add(node.with_integers("pads", &[1, 1]).with_integers("strides", &[stride]));
    layers.graph.add(op("Gelu", &[&y]))
}

fn attention(layers: &mut Layers, x: &str, number: usize, attention: &Attention, sizes: &Sizes) -> String {
    let normed = layers.norm(x, &attention.norm);
    let [query, key, value] =
        [&attention.query, &attention.key, &attention.value].map(|part| layers.linear(&normed, part));
    let shape = [1, sizes.states, sizes.width];
    let key = whole(&mut layers.graph, &key, &format!("key.{number}"), &shape, 1);
    let value = whole(&mut layers.graph, &value, &format!("value.{number}"), &shape, 1);
    let node = op("MultiHeadAttention", &[&query, &key, &value]);
    let mixed = layers.graph.add(node.with_integer("num_heads", sizes.encoder_heads as i64));
    layers.linear(&mixed, &attention.out)
}

fn keys_and_values(layers: &mut Layers, x: &str, number: usize, cross: &Attention, sizes: &Sizes) {
    let (heads, width, states) = (sizes.decoder_heads, sizes.head_width(), sizes.states);
    let split = [0, 0, heads as i64, width as i64];
    let key = layers.linear(x, &cross.key);
    let key = layers.heads(&key, &split, &[0, 2, 3, 1], "");
    whole(&mut layers.graph, &key, &format!("cross_key.{number}"), &[1, heads, width, states], 3);
    let value = layers.linear(x, &cross.value);
    let value = layers.heads(&value, &split, &[0, 2, 1, 3], "");
    whole(&mut layers.graph, &value, &format!("cross_value.{number}"), &[1, heads, states, width], 2);
}
