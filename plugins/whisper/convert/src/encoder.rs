//! The encoder: computes the keys and values of the decoder's cross attention from the features of a window.
//!
//! Input: `input_features` [1, bins, 2 * states].
//! Outputs, for each layer N of the decoder: `cross_key.N` [1, heads, head width, states], already transposed for the product with
//! queries, and `cross_value.N` [1, heads, states, head width].
//!
//! It runs once per window. The convolutions have 32 bits in every precision.

use crate::{
    graph::{Axis::Fixed, Graph, op},
    layers::Layers,
    matrix::Matrices,
    model::{Attention, Linear, Sizes, Whisper},
};
use auricle_onnx_file::FLOAT;

/// Builds the network.
pub(crate) fn network(model: &Whisper, matrices: Matrices) -> Graph {
    let Whisper { sizes, encoder, decoder } = model;
    let mut layers = Layers::new(matrices);
    layers.graph.input("input_features", FLOAT, &[Fixed(1), Fixed(sizes.bins), Fixed(2 * sizes.states)]);
    let [first, second] = &encoder.convolutions;
    let x = convolution(&mut layers, "input_features", first, 1);
    let x = convolution(&mut layers, &x, second, 2);
    let x = layers.graph.add(op("Transpose", &[&x]).with_integers("perm", &[0, 2, 1]));
    let positions = layers.constant(&encoder.positions);
    let mut x = layers.add(&x, &positions);
    for layer in &encoder.layers {
        let y = attention(&mut layers, &x, &layer.attention, sizes.encoder_heads);
        x = layers.add(&x, &y);
        x = layers.feed_forward(&x, &layer.feed_forward);
    }
    let x = layers.norm(&x, &encoder.norm);
    for (number, layer) in decoder.layers.iter().enumerate() {
        keys_and_values(&mut layers, &x, number, &layer.cross, sizes);
    }
    layers.graph
}

fn convolution(layers: &mut Layers, x: &str, filters: &Linear, stride: i64) -> String {
    let weight = layers.constant(&filters.weight);
    let bias = filters.bias.as_ref().map(|bias| layers.constant(bias)).unwrap_or_default();
    let node = op("Conv", &[x, &weight, &bias]).with_integers("kernel_shape", &[3]);
    let y = layers.graph.add(node.with_integers("pads", &[1, 1]).with_integers("strides", &[stride]));
    layers.graph.add(op("Gelu", &[&y]))
}

fn attention(layers: &mut Layers, x: &str, attention: &Attention, heads: usize) -> String {
    let normed = layers.norm(x, &attention.norm);
    let [query, key, value] =
        [&attention.query, &attention.key, &attention.value].map(|part| layers.linear(&normed, part));
    let node = op("MultiHeadAttention", &[&query, &key, &value]);
    let mixed = layers.graph.add(node.with_integer("num_heads", heads as i64));
    layers.linear(&mixed, &attention.out)
}

fn keys_and_values(layers: &mut Layers, x: &str, number: usize, cross: &Attention, sizes: &Sizes) {
    let (heads, width, states) = (sizes.decoder_heads, sizes.head_width(), sizes.states);
    let split = [0, 0, heads as i64, width as i64];
    let key = layers.linear(x, &cross.key);
    let into = layers.graph.output(&format!("cross_key.{number}"), &[1, heads, width, states].map(Fixed));
    layers.heads(&key, &split, &[0, 2, 3, 1], &into);
    let value = layers.linear(x, &cross.value);
    let into = layers.graph.output(&format!("cross_value.{number}"), &[1, heads, states, width].map(Fixed));
    layers.heads(&value, &split, &[0, 2, 1, 3], &into);
}
