//! A network under construction: its nodes in the order in which they run, and its constants.
//!
//! Invariant: each value is computed before a node reads it, and no node occurs twice. Values are identified by name.

use auricle_onnx_file::{
    Dimension, Entry, FLOAT, Graph as Nodes, Model, Node, OperatorSet, Shape, Tensor, TensorType, Type, ValueInfo,
};
use prost::Message;
use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

const OPSET: i64 = 18;
const IR: i64 = 9;
const CONTRIB: &str = "com.microsoft";
/// Operators that only ONNX Runtime has.
const CONTRIB_KINDS: [&str; 7] = [
    "FusedMatMul",
    "GatherBlockQuantized",
    "Gelu",
    "GroupQueryAttention",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "MultiHeadAttention",
];
/// If the constants have more bytes than this, the large ones go into a separate file. An ONNX file must stay below 2 GB.
pub(crate) const MOST_INSIDE: usize = 1_500_000_000;
/// Constants with fewer bytes always stay in the network's file: the runtime reads shapes from them.
const LEAST_OUTSIDE: usize = 1 << 10;
/// Alignment of the constants in a data file, so that they can be mapped into memory.
const PAGE: u64 = 4096;

/// An axis of an input or output: its length, or a name if it is variable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Axis {
    Fixed(usize),
    Open(&'static str),
}

/// A network under construction.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    /// The first output of each node. The key is the encoded node as the caller passed it.
    made: HashMap<Vec<u8>, String>,
    constants: Vec<Tensor>,
    known: HashSet<String>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
}

/// A node whose output gets a name when it is added.
pub(crate) fn op(kind: &str, inputs: &[&str]) -> Node {
    Node { name: None, ..Node::new(kind, inputs, "") }
}

impl Graph {
    /// Declares an input of the network.
    pub(crate) fn input(&mut self, name: &str, kind: i32, shape: &[Axis]) {
        self.inputs.push(value(name, kind, shape));
    }

    /// Declares an output of 32-bit floats. Returns its name, for the node that computes it.
    pub(crate) fn output(&mut self, name: &str, shape: &[Axis]) -> String {
        self.outputs.push(value(name, FLOAT, shape));
        name.to_owned()
    }

    /// Adds a constant, unless there is one of this name. Returns the name.
    pub(crate) fn constant(&mut self, name: &str, make: impl FnOnce(String) -> Tensor) -> String {
        if self.known.insert(name.to_owned()) {
            self.constants.push(make(name.to_owned()));
        }
        name.to_owned()
    }

    /// Adds a list of integers, such as a shape, as a constant. Returns its name.
    pub(crate) fn numbers(&mut self, numbers: &[i64]) -> String {
        let words: Vec<_> = numbers.iter().map(i64::to_string).collect();
        self.constant(&format!("int64.{}", words.join(".")), |name| {
            Tensor::of_integers(name, &[numbers.len()], numbers)
        })
    }

    /// Adds a node, unless the same node exists already. Returns the name of its first output.
    pub(crate) fn add(&mut self, mut node: Node) -> String {
        let key = node.encode_to_vec();
        if let Some(made) = self.made.get(&key) {
            return made.clone();
        }
        let (number, kind) = (self.nodes.len(), node.op_type.clone().unwrap_or_default());
        for output in node.output.iter_mut().filter(|output| output.is_empty()) {
            *output = format!("{kind}.{number}");
        }
        if CONTRIB_KINDS.contains(&kind.as_str()) {
            node.domain = Some(CONTRIB.to_owned());
        }
        node.name = Some(format!("{number}.{kind}"));
        let made = node.output.first().cloned().unwrap_or_default();
        self.nodes.push(node);
        self.made.insert(key, made.clone());
        made
    }

    /// Writes the network with `notes` as its metadata. If the constants have more than `most_inside` bytes, the large ones go into a
    /// second file, whose name ends with `_data`.
    pub(crate) fn write(mut self, file: &Path, notes: &[(&str, String)], most_inside: usize) -> io::Result<()> {
        let bytes = |tensor: &Tensor| tensor.raw_data.as_ref().map_or(0, |bytes| bytes.len());
        if self.constants.iter().map(bytes).sum::<usize>() > most_inside {
            let mut data = file.as_os_str().to_owned();
            data.push("_data");
            let location = Path::new(&data).file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut out = BufWriter::new(File::create(&data)?);
            let mut offset = 0;
            for tensor in self.constants.iter_mut().filter(|tensor| bytes(tensor) >= LEAST_OUTSIDE) {
                let bytes = tensor.move_out(&location, offset);
                let end = offset + bytes.len() as u64;
                offset = end.next_multiple_of(PAGE);
                out.write_all(&bytes)?;
                io::copy(&mut io::Read::take(io::repeat(0), offset - end), &mut out)?;
            }
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        fs::write(file, self.model(notes).encode_to_vec())
    }

    fn model(self, notes: &[(&str, String)]) -> Model {
        let operators = |domain: &str, version| OperatorSet { domain: Some(domain.to_owned()), version: Some(version) };
        let entry = |(key, value): &(&str, String)| Entry { key: Some((*key).to_owned()), value: Some(value.clone()) };
        let graph = Nodes {
            node: self.nodes,
            name: Some("auricle".into()),
            initializer: self.constants,
            input: self.inputs,
            output: self.outputs,
            ..Nodes::default()
        };
        Model {
            ir_version: Some(IR),
            producer_name: Some("auricle".into()),
            graph: Some(graph),
            opset_import: vec![operators("", OPSET), operators(CONTRIB, 1)],
            metadata_props: notes.iter().map(entry).collect(),
            ..Model::default()
        }
    }
}

fn value(name: &str, kind: i32, shape: &[Axis]) -> ValueInfo {
    let dimension = |axis: &Axis| match axis {
        Axis::Fixed(length) => Dimension { length: Some(*length as i64), ..Dimension::default() },
        Axis::Open(name) => Dimension { open: Some((*name).into()), ..Dimension::default() },
    };
    let shape = Some(Shape { dim: shape.iter().map(dimension).collect() });
    let tensor = Some(TensorType { element: Some(kind), shape });
    let kind = Some(Type { tensor, ..Type::default() });
    ValueInfo { name: Some(name.to_owned()), kind, ..ValueInfo::default() }
}
