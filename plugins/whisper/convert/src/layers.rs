//! The layers of a network: norms, matrix products, feed-forward blocks.

use crate::{
    graph::{Graph, op},
    matrix::{self, Matrices, Matrix},
    model::{Attention, FeedForward, Linear, Norm, Tensor},
};
use auricle_onnx_file as onnx;

const EPSILON: f32 = 1e-5;

/// A network under construction. All its matrices have the same precision.
pub(crate) struct Layers {
    pub(crate) graph: Graph,
    matrices: Matrices,
}

impl Layers {
    pub(crate) fn new(matrices: Matrices) -> Self {
        Self { graph: Graph::default(), matrices }
    }

    /// Adds a tensor as a constant of 32-bit floats. Returns its name.
    pub(crate) fn constant(&mut self, tensor: &Tensor) -> String {
        self.graph.constant(&tensor.name, |name| onnx::Tensor::of_floats(name, &tensor.shape, &tensor.values()))
    }

    /// Looks up the embeddings of the tokens `at`.
    pub(crate) fn rows(&mut self, at: &str, tensor: &Tensor) -> String {
        matrix::rows(&mut self.graph, self.matrices, at, &scaled(tensor, 1.0))
    }

    /// Multiplies by a matrix, without a bias.
    pub(crate) fn product(&mut self, x: &str, tensor: &Tensor, into: &str) -> String {
        matrix::product(&mut self.graph, self.matrices, x, &scaled(tensor, 1.0), None, into)
    }

    /// Multiplies by a matrix and adds its bias.
    pub(crate) fn linear(&mut self, x: &str, linear: &Linear) -> String {
        self.scaled_linear(x, linear, 1.0)
    }

    /// Like [`Self::linear`], with the matrix and bias multiplied by `scale`.
    pub(crate) fn scaled_linear(&mut self, x: &str, linear: &Linear, scale: f32) -> String {
        let bias = linear.bias.as_ref().map(|bias| scaled(bias, scale).values);
        matrix::product(&mut self.graph, self.matrices, x, &scaled(&linear.weight, scale), bias, "")
    }

    /// Computes queries, keys and values with one product. Keys have no bias.
    pub(crate) fn queries_keys_values(&mut self, x: &str, attention: &Attention) -> String {
        let parts = [&attention.query, &attention.key, &attention.value];
        let values = parts.iter().flat_map(|part| part.weight.values()).collect();
        let no_bias = |part: &&Linear| vec![0.0; part.weight.shape[0]];
        let bias =
            parts.iter().flat_map(|part| part.bias.as_ref().map_or_else(|| no_bias(part), Tensor::values)).collect();
        let name = format!("{}.qkv.weight", attention.name);
        let matrix = Matrix { name, columns: attention.query.weight.shape[1], values };
        matrix::product(&mut self.graph, self.matrices, x, &matrix, Some(bias), "")
    }

    pub(crate) fn norm(&mut self, x: &str, norm: &Norm) -> String {
        let (weight, bias) = (self.constant(&norm.weight), self.constant(&norm.bias));
        let node = op("LayerNormalization", &[x, &weight, &bias]);
        self.graph.add(node.with_integer("axis", -1).with_float("epsilon", EPSILON))
    }

    pub(crate) fn add(&mut self, x: &str, y: &str) -> String {
        self.graph.add(op("Add", &[x, y]))
    }

    /// The feed-forward block, added to `x`.
    pub(crate) fn feed_forward(&mut self, x: &str, layer: &FeedForward) -> String {
        let normed = self.norm(x, &layer.norm);
        let inner = self.linear(&normed, &layer.first);
        let inner = self.graph.add(op("Gelu", &[&inner]));
        let y = self.linear(&inner, &layer.second);
        self.add(x, &y)
    }

    /// Reshapes [batch, tokens, width] to `split`, then transposes it to the order of `axes`.
    pub(crate) fn heads(&mut self, x: &str, split: &[i64], axes: &[i64], into: &str) -> String {
        let split = self.graph.numbers(split);
        let y = self.graph.add(op("Reshape", &[x, &split]));
        let node = op("Transpose", &[&y]).with_integers("perm", axes);
        self.graph.add(onnx::Node { output: vec![into.to_owned()], ..node })
    }
}

/// A matrix, or a bias as one row, as 32-bit floats multiplied by `scale`.
fn scaled(tensor: &Tensor, scale: f32) -> Matrix {
    let mut values = tensor.values();
    values.iter_mut().for_each(|value| *value *= scale);
    let columns = tensor.shape.last().copied().unwrap_or(1);
    Matrix { name: tensor.name.clone(), columns, values }
}
