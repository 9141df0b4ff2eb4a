//! Matrix products and embeddings in each precision, with the runtime's fastest operators.
//!
//! A matrix is [out, in]. `Plain` has 32 bits. `Dynamic` has 8 bits and rounds the inputs too, relative to the largest number of each row;
//! it is fast for many rows (the encoder).
//! `Blocks` has 8 bits and does not round the inputs; it is fast for single rows, which read the whole matrix (the decoder). With
//! `Blocks`, the embeddings and the logits use the same bytes. A bias is added right after its product: the runtime's operators that
//! fuse an addition with the next layer are slower on CPUs, several times for many rows.

use crate::graph::{Graph, op};
use auricle_onnx_file::{INT8, Node, Tensor, UINT8};

/// Numbers of a row that share a scale. Of the block sizes from 32 to 256, 128 was the fastest for all matrices.
const BLOCK: usize = 128;
/// The block size for rows shorter than [`BLOCK`]. Rows shorter than this keep 32 bits.
const NARROW: usize = 32;
/// Lower limit of the largest magnitude in a row or block: if all numbers are 0, the scale is neither 0 nor subnormal.
const LEAST: f32 = 1e-30;

/// How matrices are stored and multiplied. The module describes the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matrices {
    Plain,
    Dynamic,
    Blocks,
}

/// A matrix of 32-bit floats, row by row.
pub(crate) struct Matrix {
    pub(crate) name: String,
    pub(crate) columns: usize,
    pub(crate) values: Vec<f32>,
}

impl Matrix {
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn plain(&self, graph: &mut Graph) -> String {
        graph.constant(&self.name, |name| Tensor::of_floats(name, &[self.rows(), self.columns], &self.values))
    }
}

/// Adds nodes that multiply `x` by a matrix and add a bias. `into` is the result's name, or empty for a generated name.
pub(crate) fn product(
    graph: &mut Graph,
    matrices: Matrices,
    x: &str,
    matrix: &Matrix,
    bias: Option<Vec<f32>>,
    into: &str,
) -> String {
    let into = |node: Node| Node { output: vec![into.to_owned()], ..node };
    let name = &matrix.name;
    let bias =
        bias.map(|bias| graph.constant(&format!("{name}.bias"), |name| Tensor::of_floats(name, &[bias.len()], &bias)));
    match matrices {
        Matrices::Dynamic => {
            let (values, scales) = dynamic(matrix);
            let (rows, columns) = (matrix.rows(), matrix.columns);
            let values =
                graph.constant(&format!("{name}.bytes"), |name| Tensor::new(name, &[columns, rows], INT8, values));
            let scales = graph.constant(&format!("{name}.scales"), |name| Tensor::of_floats(name, &[rows], &scales));
            // The runtime has one scale for all rows, so each row is brought to the range -1 to 1 first.
            let (last, least) =
                (graph.numbers(&[-1]), graph.constant("least", |name| Tensor::of_floats(name, &[1], &[LEAST])));
            let magnitudes = graph.add(op("Abs", &[x]));
            let most = graph.add(op("ReduceMax", &[&magnitudes, &last]).with_integer("keepdims", 1));
            let most = graph.add(op("Max", &[&most, &least]));
            let even = graph.add(op("Div", &[x, &most]));
            let [whole, step, zero] = ["bytes", "scale", "zero"].map(|part| format!("{x}.{part}"));
            let output = vec![whole.clone(), step.clone(), zero.clone()];
            graph.add(Node { output, ..op("DynamicQuantizeLinear", &[&even]) });
            let inputs = [&whole, &values, &step, &scales, &zero].map(String::as_str);
            let product = graph.add(op("MatMulIntegerToFloat", &inputs));
            match bias {
                None => graph.add(into(op("Mul", &[&product, &most]))),
                Some(bias) => {
                    let product = graph.add(op("Mul", &[&product, &most]));
                    graph.add(into(op("Add", &[&product, &bias])))
                }
            }
        }
        Matrices::Blocks if matrix.columns >= NARROW => {
            let block = if matrix.columns >= BLOCK { BLOCK } else { NARROW };
            let Blocks { bytes, scales, shape } = in_blocks(matrix, block);
            let bytes = graph.constant(&format!("{name}.bytes"), |name| Tensor::new(name, &shape, UINT8, bytes));
            let scales =
                graph.constant(&format!("{name}.scales"), |name| Tensor::of_floats(name, &shape[..2], &scales));
            let bias = bias.as_deref().map_or(vec![], |bias| vec!["", "", bias]);
            let node = op("MatMulNBits", &[&[x, &bytes, &scales][..], &bias].concat());
            let sizes = [
                ("K", matrix.columns),
                ("N", matrix.rows()),
                ("bits", 8),
                ("block_size", block),
                ("accuracy_level", 4),
            ];
            graph.add(into(sizes.iter().fold(node, |node, (name, size)| node.with_integer(name, *size as i64))))
        }
        Matrices::Plain | Matrices::Blocks => {
            let constant = matrix.plain(graph);
            let product = op("FusedMatMul", &[x, &constant]).with_integer("transB", 1);
            match bias {
                None => graph.add(into(product)),
                Some(bias) => {
                    let product = graph.add(product);
                    graph.add(into(op("Add", &[&product, &bias])))
                }
            }
        }
    }
}

/// Adds nodes that look up rows of a matrix: embeddings.
pub(crate) fn rows(graph: &mut Graph, matrices: Matrices, at: &str, matrix: &Matrix) -> String {
    if matrices != Matrices::Blocks || !matrix.columns.is_multiple_of(BLOCK) {
        let constant = matrix.plain(graph);
        return graph.add(op("Gather", &[&constant, at]));
    }
    let (name, Blocks { bytes, scales, shape }) = (&matrix.name, in_blocks(matrix, BLOCK));
    let bytes = graph.constant(&format!("{name}.bytes"), |name| Tensor::new(name, &shape, UINT8, bytes));
    let [rows, blocks, _] = shape;
    let scales =
        graph.constant(&format!("{name}.row_scales"), |name| Tensor::of_floats(name, &[rows, blocks, 1], &scales));
    let node = op("GatherBlockQuantized", &[&bytes, at, &scales]);
    let sizes = [("bits", 8), ("block_size", BLOCK as i64), ("gather_axis", 0), ("quantize_axis", 2)];
    let found = graph.add(sizes.iter().fold(node, |node, (name, size)| node.with_integer(name, *size)));
    let joined = graph.numbers(&[0, 0, -1]);
    graph.add(op("Reshape", &[&found, &joined]))
}

/// The scale of signed 8-bit numbers: the value that 1 represents.
fn scale(numbers: &[f32]) -> f32 {
    numbers.iter().fold(LEAST, |most, number| most.max(number.abs())) / 127.0
}

/// Quantizes to signed bytes [in, out] with one scale per output.
fn dynamic(matrix: &Matrix) -> (Vec<u8>, Vec<f32>) {
    let rows = matrix.rows();
    let mut bytes = vec![0; matrix.values.len()];
    let mut scales = Vec::with_capacity(rows);
    for (at, row) in matrix.values.chunks_exact(matrix.columns).enumerate() {
        let scale = scale(row);
        scales.push(scale);
        for (column, number) in row.iter().enumerate() {
            bytes[column * rows + at] = ((number / scale).round_ties_even() as i8).cast_unsigned();
        }
    }
    (bytes, scales)
}

/// Unsigned bytes with the zero point 128, and one scale per block.
struct Blocks {
    bytes: Vec<u8>,
    scales: Vec<f32>,
    /// Rows, blocks per row, bytes per block.
    shape: [usize; 3],
}

fn in_blocks(matrix: &Matrix, block: usize) -> Blocks {
    let shape = [matrix.rows(), matrix.columns.div_ceil(block), block];
    let mut bytes = Vec::with_capacity(shape.iter().product());
    let mut scales = Vec::with_capacity(shape[0] * shape[1]);
    for part in matrix.values.chunks_exact(matrix.columns).flat_map(|row| row.chunks(block)) {
        let scale = scale(part);
        scales.push(scale);
        bytes.extend(part.iter().map(|number| ((number / scale).round_ties_even() + 128.0) as u8));
        bytes.resize(bytes.len().next_multiple_of(block), 128);
    }
    Blocks { bytes, scales, shape }
}
