//! The decoder: computes logits for new tokens. The caches hold the keys and values of the earlier tokens.
//!
//! Inputs: `input_ids` [batch, tokens]; `position_ids` [tokens]; `seqlens_k` [batch], each text's length after this call minus 1;
//! `total_sequence_length` [1], that length; `logits_at` [rows], the call's tokens that need logits; `past_key.N` and `past_value.N`
//! [batch, heads, positions, head width]; the encoder's `cross_key.N` and `cross_value.N`.
//! Outputs: `logits` [batch, rows, vocabulary]; `present_key.N` and `present_value.N`, the caches with the call's tokens added. If
//! they are bound to the buffers of `past_key.N` and `past_value.N`, the caches are updated in place; `alignment` [alignment heads,
//! batch * tokens, states], the cross-attention probabilities of these heads, in the order of the list.
//!
//! All texts of a batch share the audio and have the same length. Their queries are rows of one product with the encoder's keys,
//! so the keys are read once.

use crate::{
    graph::{
        Axis::{Fixed, Open},
        Graph, op,
    },
    layers::Layers,
    matrix::Matrices,
    model::{Attention, Sizes, Whisper},
};
use auricle_onnx_file::{FLOAT, INT32, INT64, Node};
use std::collections::BTreeMap;

/// Builds the network. Only the rows in `logits_at` go through the last norm and the logits' matrix.
pub(crate) fn network(model: &Whisper, matrices: Matrices, alignment: &[(usize, usize)]) -> Graph {
    let Whisper { sizes, decoder, .. } = model;
    let mut layers = Layers::new(matrices);
    inputs(&mut layers.graph, sizes);
    let positions = layers.constant(&decoder.positions);
    let positions = layers.graph.add(op("Gather", &[&positions, "position_ids"]));
    let tokens = layers.rows("input_ids", &decoder.tokens);
    let mut x = layers.add(&tokens, &positions);
    let shape = layers.graph.add(op("Shape", &["input_ids"]));
    let rest = layers.graph.numbers(&[-1]);
    let shape = layers.graph.add(op("Concat", &[&shape, &rest]).with_integer("axis", 0));
    let mut probabilities = Vec::new();
    for (number, layer) in decoder.layers.iter().enumerate() {
        let y = self_attention(&mut layers, &x, number, &layer.attention, sizes);
        x = layers.add(&x, &y);
        let (y, found) = cross_attention(&mut layers, &x, number, &layer.cross, sizes, &shape);
        probabilities.push(found);
        x = layers.add(&x, &y);
        x = layers.feed_forward(&x, &layer.feed_forward);
    }
    let x = layers.graph.add(op("Gather", &[&x, "logits_at"]).with_integer("axis", 1));
    let x = layers.norm(&x, &decoder.norm);
    let logits = layers.graph.output("logits", &[Open("batch"), Open("rows"), Fixed(sizes.vocabulary)]);
    layers.product(&x, &decoder.tokens, &logits);
    let into = layers.graph.output("alignment", &[Fixed(alignment.len()), Open("batch_tokens"), Fixed(sizes.states)]);
    align(&mut layers.graph, &probabilities, alignment, &into);
    layers.graph
}

fn inputs(graph: &mut Graph, sizes: &Sizes) {
    graph.input("input_ids", INT64, &[Open("batch"), Open("tokens")]);
    graph.input("position_ids", INT64, &[Open("tokens")]);
    graph.input("seqlens_k", INT32, &[Open("batch")]);
    graph.input("total_sequence_length", INT32, &[Fixed(1)]);
    graph.input("logits_at", INT64, &[Open("rows")]);
    let (heads, width, states) = (sizes.decoder_heads, sizes.head_width(), sizes.states);
    let cache = [Open("batch"), Fixed(heads), Fixed(sizes.positions), Fixed(width)];
    for layer in 0..sizes.decoder_layers {
        for (part, shape) in [("key", [1, heads, width, states]), ("value", [1, heads, states, width])] {
            graph.input(&format!("past_{part}.{layer}"), FLOAT, &cache);
            graph.input(&format!("cross_{part}.{layer}"), FLOAT, &shape.map(Fixed));
            graph.output(&format!("present_{part}.{layer}"), &cache);
        }
    }
}

/// Self attention over the tokens, with the runtime's own operator.
fn self_attention(layers: &mut Layers, x: &str, number: usize, attention: &Attention, sizes: &Sizes) -> String {
    let normed = layers.norm(x, &attention.norm);
    let joined = layers.queries_keys_values(&normed, attention);
    let [past_key, past_value] = ["key", "value"].map(|part| format!("past_{part}.{number}"));
    let [key, value] = ["key", "value"].map(|part| format!("present_{part}.{number}"));
    let inputs = [&joined, "", "", &past_key, &past_value, "seqlens_k", "total_sequence_length"];
    let node = Node { output: vec![attention.name.clone(), key, value], ..op("GroupQueryAttention", &inputs) };
    let heads = sizes.decoder_heads as i64;
    let mixed = layers.graph.add(node.with_integer("num_heads", heads).with_integer("kv_num_heads", heads));
    layers.linear(&mixed, &attention.out)
}

/// Cross attention over the audio. Returns the result and the probabilities. `shape` is the shape of `input_ids` with -1 appended.
fn cross_attention(
    layers: &mut Layers,
    x: &str,
    number: usize,
    attention: &Attention,
    sizes: &Sizes,
    shape: &str,
) -> (String, String) {
    let normed = layers.norm(x, &attention.norm);
    let (heads, width) = (sizes.decoder_heads as i64, sizes.head_width());
    // The scale is part of the matrix: as a factor of the product it would disable the runtime's fast code for single rows.
    let query = layers.scaled_linear(&normed, &attention.query, (width as f64).powf(-0.5) as f32);
    let query = layers.heads(&query, &[1, -1, heads, width as i64], &[0, 2, 1, 3], "");
    let graph = &mut layers.graph;
    let scores = graph.add(op("MatMul", &[&query, &format!("cross_key.{number}")]));
    let probabilities = graph.add(op("Softmax", &[&scores]).with_integer("axis", -1));
    let mixed = graph.add(op("MatMul", &[&probabilities, &format!("cross_value.{number}")]));
    let mixed = graph.add(op("Transpose", &[&mixed]).with_integers("perm", &[0, 2, 1, 3]));
    let mixed = graph.add(op("Reshape", &[&mixed, shape]));
    (layers.linear(&mixed, &attention.out), probabilities)
}

/// Adds the output `alignment`: takes the heads layer by layer, then sorts them into the order of `wanted`.
fn align(graph: &mut Graph, probabilities: &[String], wanted: &[(usize, usize)], into: &str) {
    let mut by_layer = BTreeMap::<usize, Vec<i64>>::new();
    let mut order = wanted.to_vec();
    order.sort_by_key(|(layer, _)| *layer);
    for (layer, head) in &order {
        by_layer.entry(*layer).or_default().push(*head as i64);
    }
    let mut taken = Vec::new();
    for (layer, heads) in by_layer {
        let heads = graph.numbers(&heads);
        taken.push(graph.add(op("Gather", &[&probabilities[layer], &heads]).with_integer("axis", 1)));
    }
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    let mut found = graph.add(op("Concat", &taken).with_integer("axis", 1));
    if order != wanted {
        let indices =
            wanted.iter().filter_map(|pair| order.iter().position(|other| other == pair)).map(|index| index as i64);
        let indices = graph.numbers(&indices.collect::<Vec<_>>());
        found = graph.add(op("Gather", &[&found, &indices]).with_integer("axis", 1));
    }
    let first = graph.numbers(&[0]);
    graph.add(Node { output: vec![into.to_owned()], ..op("Squeeze", &[&found, &first]) });
}
