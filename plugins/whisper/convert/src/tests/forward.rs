//! A reference implementation of Whisper, step by step with 64-bit floats, from CTranslate2's own variables. It shares no code with
//! the converter.

use crate::testing::Model;
use std::collections::HashMap;

type Rows = Vec<Vec<f64>>;

/// The output of a decoder.
pub(super) struct DecoderOutput {
    /// One row per token.
    pub(super) logits: Rows,
    /// For each alignment head: the cross-attention probabilities, one row per token.
    pub(super) alignment: Vec<Rows>,
}

/// The variables as 64-bit floats.
pub(super) struct Reference {
    variables: HashMap<String, (Vec<usize>, Vec<f64>)>,
    heads: usize,
}

impl Reference {
    pub(super) fn new(model: &Model, heads: usize) -> Self {
        let numbers = |variable: &crate::testing::Variable| {
            let shape = variable.shape.iter().map(|length| *length as usize).collect();
            (variable.name.clone(), (shape, variable.numbers().into_iter().map(f64::from).collect()))
        };
        Self { variables: model.variables.iter().map(numbers).collect(), heads }
    }

    fn rows(&self, name: &str) -> Rows {
        let (shape, values) = &self.variables[name];
        values.chunks_exact(values.len() / shape[0]).map(<[f64]>::to_vec).collect()
    }

    fn vector(&self, name: &str) -> &[f64] {
        &self.variables[name].1
    }

    fn linear(&self, x: &Rows, name: &str) -> Rows {
        let (weight, bias) = (self.rows(&format!("{name}/weight")), self.vector(&format!("{name}/bias")));
        x.iter().map(|x| weight.iter().zip(bias).map(|(row, bias)| dot(x, row) + bias).collect()).collect()
    }

    fn norm(&self, x: &Rows, name: &str) -> Rows {
        let (gamma, beta) = (self.vector(&format!("{name}/gamma")), self.vector(&format!("{name}/beta")));
        let one = |x: &Vec<f64>| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
            let scaled = x.iter().map(|x| (x - mean) / (variance + 1e-5).sqrt());
            scaled.zip(gamma).zip(beta).map(|((x, gamma), beta)| x * gamma + beta).collect()
        };
        x.iter().map(one).collect()
    }

    /// `x` is [bands][frames].
    fn convolution(&self, x: &Rows, name: &str, stride: usize) -> Rows {
        let (weight, bias) = (self.rows(&format!("{name}/weight")), self.vector(&format!("{name}/bias")));
        let frames = x[0].len();
        let one = |filter: &Vec<f64>, at: usize| {
            let mut sum = 0.0;
            for (band, taps) in filter.chunks_exact(3).enumerate() {
                for (tap, weight) in taps.iter().enumerate() {
                    let frame = at * stride + tap;
                    sum += if (1..=frames).contains(&frame) { weight * x[band][frame - 1] } else { 0.0 };
                }
            }
            sum
        };
        let filters = weight.iter().zip(bias);
        filters.map(|(filter, bias)| (0..frames / stride).map(|at| gelu(one(filter, at) + bias)).collect()).collect()
    }

    /// Multi-head attention. Returns the result and the probabilities of each head.
    fn attention(&self, queries: &Rows, keys: &Rows, values: &Rows, causal: bool) -> (Rows, Vec<Rows>) {
        let width = queries[0].len() / self.heads;
        let mut mixed = vec![Vec::new(); queries.len()];
        let mut probabilities = Vec::new();
        for head in 0..self.heads {
            let part = head * width..(head + 1) * width;
            let mut rows = Vec::new();
            for (at, query) in queries.iter().enumerate() {
                let seen = if causal { at + 1 } else { keys.len() };
                let score = |key: &Vec<f64>| dot(&query[part.clone()], &key[part.clone()]) / (width as f64).sqrt();
                let scores: Vec<f64> = keys[..seen].iter().map(score).collect();
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let total: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                let shares: Vec<f64> = scores.iter().map(|score| (score - most).exp() / total).collect();
                let value = |column: usize| shares.iter().zip(values).map(|(share, value)| share * value[column]).sum();
                mixed[at].extend(part.clone().map(value).collect::<Vec<f64>>());
                rows.push(shares);
            }
            probabilities.push(rows);
        }
        (mixed, probabilities)
    }

    fn self_attention(&self, x: &Rows, layer: &str, causal: bool) -> Rows {
        let normed = self.norm(x, &format!("{layer}/self_attention/layer_norm"));
        self.attend(x, &normed, &normed, layer, causal)
    }

    /// Self attention of the states `x`, normalized in `own`, to the normalized states `context`.
    fn attend(&self, x: &Rows, own: &Rows, context: &Rows, layer: &str, causal: bool) -> Rows {
        let name = format!("{layer}/self_attention");
        let width = x[0].len();
        let part = |rows: &Rows, part: usize| -> Rows {
            let joined = self.linear(rows, &format!("{name}/linear_0"));
            joined.iter().map(|row| row[part * width..][..width].to_vec()).collect()
        };
        let (mixed, _) = self.attention(&part(own, 0), &part(context, 1), &part(context, 2), causal);
        sum(x, &self.linear(&mixed, &format!("{name}/linear_1")))
    }

    fn feed_forward(&self, x: &Rows, layer: &str) -> Rows {
        let name = format!("{layer}/ffn");
        let mut inner = self.linear(&self.norm(x, &format!("{name}/layer_norm")), &format!("{name}/linear_0"));
        inner.iter_mut().flatten().for_each(|x| *x = gelu(*x));
        sum(x, &self.linear(&inner, &format!("{name}/linear_1")))
    }

    fn layers(&self, side: &str) -> Vec<String> {
        let name = |layer: usize| format!("{side}/layer_{layer}");
        let is_there = |name: &String| self.variables.contains_key(&format!("{name}/ffn/linear_0/weight"));
        (0..).map(name).take_while(is_there).collect()
    }

    /// Encodes the features [bands][frames] of a window. Only the states at `places` are computed; the others are those of the
    /// features `padding`, plus the difference at the `nearest` of them.
    pub(super) fn encode(&self, features: &Rows, padding: &Rows, places: &[i64], nearest: &[i64]) -> Rows {
        let (all, mut padding) = (self.embed(features), self.embed(padding));
        let mut x: Rows = places.iter().map(|place| all[*place as usize].clone()).collect();
        let whole = |x: &Rows, padding: &Rows| -> Rows {
            let one = |(at, nearest): (usize, &i64)| {
                let (computed, there) = (&x[*nearest as usize], &padding[places[*nearest as usize] as usize]);
                padding[at].iter().zip(computed).zip(there).map(|((padding, x), there)| padding + x - there).collect()
            };
            nearest.iter().enumerate().map(one).collect()
        };
        for layer in self.layers("encoder") {
            let norm = |x: &Rows| self.norm(x, &format!("{layer}/self_attention/layer_norm"));
            let own = norm(&x);
            x = self.feed_forward(&self.attend(&x, &own, &whole(&own, &norm(&padding)), &layer, false), &layer);
            padding = self.feed_forward(&self.self_attention(&padding, &layer, false), &layer);
        }
        let norm = |x: &Rows| self.norm(x, "encoder/layer_norm");
        whole(&norm(&x), &norm(&padding))
    }

    /// The input of the encoder's first layer.
    fn embed(&self, features: &Rows) -> Rows {
        let x = self.convolution(&self.convolution(features, "encoder/conv1", 1), "encoder/conv2", 2);
        let turned: Rows = (0..x[0].len()).map(|frame| x.iter().map(|band| band[frame]).collect()).collect();
        sum(&turned, &self.rows("encoder/position_encodings/encodings"))
    }

    pub(super) fn decode(&self, states: &Rows, tokens: &[i64], alignment_heads: &[(usize, usize)]) -> DecoderOutput {
        let embeddings = self.rows("decoder/embeddings/weight");
        let x: Rows = tokens.iter().map(|token| embeddings[*token as usize].clone()).collect();
        let mut x = sum(&x, &self.rows("decoder/position_encodings/encodings"));
        let mut all_probabilities = Vec::new();
        for layer in self.layers("decoder") {
            x = self.self_attention(&x, &layer, true);
            let name = format!("{layer}/attention");
            let queries = self.linear(&self.norm(&x, &format!("{name}/layer_norm")), &format!("{name}/linear_0"));
            let joined = self.linear(states, &format!("{name}/linear_1"));
            let (keys, values) = joined
                .iter()
                .map(|row| {
                    let (key, value) = row.split_at(row.len() / 2);
                    (key.to_vec(), value.to_vec())
                })
                .unzip();
            let (mixed, probabilities) = self.attention(&queries, &keys, &values, false);
            all_probabilities.push(probabilities);
            x = self.feed_forward(&sum(&x, &self.linear(&mixed, &format!("{name}/linear_2"))), &layer);
        }
        let x = self.norm(&x, "decoder/layer_norm");
        let logits = x.iter().map(|x| embeddings.iter().map(|row| dot(x, row)).collect()).collect();
        let alignment = alignment_heads.iter().map(|(layer, head)| all_probabilities[*layer][*head].clone()).collect();
        DecoderOutput { logits, alignment }
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn sum(x: &Rows, y: &Rows) -> Rows {
    x.iter().zip(y).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x + y).collect()).collect()
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()))
}

/// The error function, by its Taylor series.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..100 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}
