//! `int8`: constant weight matrices get 8 bits, and their other operands are rounded to 8 bits at run time.
//!
//! The weights have a scale for each column, and the other operand one for each row: a row is divided by its largest
//! magnitude, rounded to 127ths, multiplied in integers, and multiplied back. Invariant: no row depends on another, so that
//! a stream is not rounded by the loudness of those that step with it. Convolutions over one frame are treated as products;
//! everything else stays unchanged. If a processor adds pairs of 8-bit products in 16 bits, which would overflow, weights
//! get 7 bits.

use super::{
    edit::{Changes, View, transpose},
    proto::{Graph, Model, Node, OperatorSet, Tensor, UINT8},
};
use std::collections::HashMap;

/// Minimum number of weights: smaller matrices gain nothing.
const LEAST_WEIGHTS: usize = 1 << 10;
/// The first operator set with all operators used here, and the first in which axes are an input.
const OPERATORS: i64 = 11;
const AXES_ARE_INPUT: i64 = 18;
/// ONNX Runtime's own operators.
const RUNTIME: &str = "com.microsoft";
/// The largest magnitude of a row after rounding, and what is added to make it unsigned.
const MOST: f32 = 127.0;
const ZERO: u8 = 128;
/// Lower limit of the largest magnitude of a row: one of zeros has a scale too.
const LEAST: f32 = 1e-30;

/// Rewrites the network; returns the number of products with 8 bits.
pub(super) fn rewrite(model: &mut Model) -> Result<usize, String> {
    let own = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let operators = model.opset_import.iter().find(|set| own(&set.domain)).and_then(|set| set.version).unwrap_or(0);
    if operators < OPERATORS {
        return Err(format!("it uses operator set {operators}, but 8 bits need {OPERATORS}"));
    }
    let graph = model.graph.as_mut().ok_or("it has no graph")?;
    let mut changes = Changes::new(graph);
    let count = plan(graph, &mut changes, operators)?;
    if count == 0 {
        return Err("it has no product with a constant matrix of 32-bit numbers".into());
    }
    changes.apply(graph);
    if !model.opset_import.iter().any(|set| set.domain.as_deref() == Some(RUNTIME)) {
        model.opset_import.push(OperatorSet { domain: Some(RUNTIME.into()), version: Some(1) });
    }
    Ok(count)
}

/// Names of rounded values and of their scales: of columns, or of rows.
#[derive(Clone)]
struct Rounded {
    values: String,
    scales: String,
}

/// Names of the constants that all products share.
struct Constants {
    step: String,
    zero: String,
    least: String,
    /// The last axis.
    last: String,
}

fn plan(graph: &Graph, changes: &mut Changes, operators: i64) -> Result<usize, String> {
    let view = View::new(graph);
    let (mut frames, mut weights) = (HashMap::<(&str, bool), Rounded>::new(), HashMap::<(&str, bool), Rounded>::new());
    let (mut count, mut constants) = (0, None);
    for (number, node) in graph.node.iter().enumerate() {
        let Some(Product { left, matrix, across, turned, bias, output }) = product(&view, node) else { continue };
        let Constants { step, zero, least, last } = constants.get_or_insert_with(|| Constants::new(changes));
        let right = match weights.get(&(matrix.called(), across)) {
            Some(right) => right.clone(),
            None => {
                let right = round_weights(changes, matrix, across)?;
                weights.insert((matrix.called(), across), right.clone());
                right
            }
        };
        let mut nodes = Vec::new();
        let left = frames.entry((left, turned)).or_insert_with(|| {
            let [turning, magnitudes, largest, scales, even, values] =
                ["turned", "magnitudes", "largest", "scales", "even", "8"]
                    .map(|part| changes.name(&format!("{left}_{part}")));
            nodes.extend(turned.then(|| transpose(left, &turning)));
            let frames = if turned { &turning } else { left };
            nodes.push(Node::new("Abs", &[frames], &magnitudes));
            nodes.push(if operators < AXES_ARE_INPUT {
                Node::new("ReduceMax", &[&magnitudes], &largest).with_integers("axes", &[-1])
            } else {
                Node::new("ReduceMax", &[&magnitudes, last], &largest)
            });
            nodes.push(Node::new("Max", &[&largest, least], &scales));
            nodes.push(Node::new("Div", &[frames, &scales], &even));
            nodes.push(Node::new("QuantizeLinear", &[&even, step, zero], &values));
            Rounded { values, scales }
        });
        let [even, unbiased, frames] =
            ["even", "unbiased", "turned"].map(|part| changes.name(&format!("{output}_{part}")));
        let product = if turned { &frames } else { output };
        let inputs = [&left.values, &right.values, step, &right.scales, zero].map(String::as_str);
        let domain = Some(RUNTIME.to_owned());
        nodes.push(Node { domain, ..Node::new("MatMulIntegerToFloat", &inputs, &even) });
        nodes.push(Node::new("Mul", &[&even, &left.scales], if bias.is_some() { &unbiased } else { product }));
        nodes.extend(bias.map(|bias| Node::new("Add", &[&unbiased, bias], product)));
        nodes.extend(turned.then(|| transpose(&frames, output)));
        changes.replace(number, nodes);
        count += 1;
    }
    Ok(count)
}

impl Constants {
    fn new(changes: &mut Changes) -> Self {
        let [step, zero, least, last] =
            ["step", "zero", "least", "last"].map(|name| changes.name(&format!("int8_{name}")));
        Self {
            step: changes.constant(Tensor::of_floats(step, &[], &[MOST.recip()])),
            zero: changes.constant(Tensor::new(zero, &[], UINT8, vec![ZERO])),
            least: changes.constant(Tensor::of_floats(least, &[], &[LEAST])),
            last: changes.constant(Tensor::of_integers(last, &[1], &[-1])),
        }
    }
}

/// A product with constant weights.
struct Product<'a> {
    left: &'a str,
    matrix: &'a Tensor,
    /// Whether the matrix is transposed.
    across: bool,
    /// Whether the frames of input and output are transposed.
    turned: bool,
    bias: Option<&'a str>,
    output: &'a str,
}

fn product<'a>(view: &View<'a>, node: &'a Node) -> Option<Product<'a>> {
    let (left, output) = (node.reads_at(0)?, node.output.first()?);
    let matrix = view.constant(node.reads_at(1)?)?;
    let (rows, columns) = matrix.matrix()?;
    if rows.checked_mul(columns)? < LEAST_WEIGHTS || view.constant(left).is_some() {
        return None;
    }
    let is = |name: &str, value: i64| node.integer(name).unwrap_or(value) == value;
    let all = |name: &str, value: i64| {
        node.attribute(name).is_none_or(|attribute| attribute.ints.iter().all(|found| *found == value))
    };
    let whole = |name: &str| node.attribute(name).is_none_or(|attribute| attribute.f == Some(1.0));
    let product =
        |across: bool, turned: bool| Some(Product { left, matrix, across, turned, bias: node.reads_at(2), output });
    match (node.kind(), matrix.dims.len()) {
        ("MatMul", 2) => product(false, false),
        ("Gemm", 2) if is("transA", 0) && whole("alpha") && whole("beta") => product(!is("transB", 0), false),
        ("Conv", 3)
            if is("group", 1) && all("strides", 1) && all("pads", 0) && node.attribute("auto_pad").is_none() =>
        {
            product(true, true)
        }
        _ => None,
    }
}

/// The largest weight as an integer.
fn greatest() -> f32 {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx512vnni") && !std::arch::is_x86_feature_detected!("avxvnni") {
        return 63.0;
    }
    127.0
}

fn round_weights(changes: &mut Changes, matrix: &Tensor, across: bool) -> Result<Rounded, String> {
    let mut values = matrix.floats()?;
    let (mut rows, mut columns) = matrix.matrix().ok_or("a constant is not a matrix")?;
    if across {
        values = (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns)).copied().collect();
        (rows, columns) = (columns, rows);
    }
    let mut scales = vec![0.0_f32; columns];
    for row in values.chunks_exact(columns) {
        scales.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(value.abs()));
    }
    let most = greatest();
    scales.iter_mut().for_each(|scale| *scale /= most);
    // The scale of a column of zeros is 0, and stays 0.
    let steps: Vec<f32> = scales.iter().map(|scale| if *scale > 0.0 { scale.recip() } else { 0.0 }).collect();
    let mut rounded = Vec::with_capacity(values.len());
    for row in values.chunks_exact(columns) {
        rounded.extend(row.iter().zip(&steps).map(|(value, steps)| (value * steps).round_ties_even() as i8));
    }
    let [named, scales_name] = ["8", "scales"].map(|part| changes.name(&format!("{}_{part}", matrix.called())));
    let values = changes.constant(Tensor::of_bytes(named, &[rows, columns], &rounded));
    let scales = changes.constant(Tensor::of_floats(scales_name, &[columns], &scales));
    Ok(Rounded { values, scales })
}
