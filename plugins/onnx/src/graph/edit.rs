//! Looks up values of a graph by name, and changes the graph in one go.
//!
//! Invariant: additions have unique names, and come before the nodes that read them. Nodes of subgraphs count as
//! readers; they are never changed.

use super::proto::{Attribute, Graph, Node, Tensor};
use std::collections::{BTreeMap, HashMap, HashSet};

/// `AttributeProto.AttributeType`
const INTEGER: i32 = 2;
const INTEGERS: i32 = 7;

/// A graph's values by their names.
pub(super) struct View<'a> {
    pub(super) nodes: &'a [Node],
    constants: HashMap<&'a str, &'a Tensor>,
    producers: HashMap<&'a str, usize>,
    readers: HashMap<&'a str, Vec<usize>>,
    outputs: HashSet<&'a str>,
}

impl<'a> View<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let named = |value: &'a super::proto::ValueInfo| value.name.as_deref().unwrap_or_default();
        // The value of an input can be different in each run.
        let inputs: HashSet<&str> = graph.input.iter().map(named).collect();
        let constants = graph.initializer.iter().map(|tensor| (tensor.called(), tensor));
        let mut view = View {
            nodes: &graph.node,
            constants: constants.filter(|(name, _)| !inputs.contains(name)).collect(),
            producers: HashMap::new(),
            readers: HashMap::new(),
            outputs: graph.output.iter().map(named).collect(),
        };
        for (number, node) in graph.node.iter().enumerate() {
            view.producers.extend(node.output.iter().map(|output| (output.as_str(), number)));
            if let ("Constant", [name]) = (node.kind(), node.output.as_slice()) {
                view.constants
                    .extend(node.attribute("value").and_then(|value| Some((name.as_str(), value.t.as_ref()?))));
            }
            let mut reads = HashSet::new();
            node.reads(&mut reads);
            reads.into_iter().for_each(|name| view.readers.entry(name).or_default().push(number));
        }
        view
    }

    /// The value, if it is the same in each run.
    pub(super) fn constant(&self, name: &str) -> Option<&'a Tensor> {
        self.constants.get(name).copied()
    }

    /// A constant list of integers, or a single integer.
    pub(super) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        self.constant(name)?.integers().ok()
    }

    pub(super) fn producer(&self, name: &str) -> Option<usize> {
        self.producers.get(name).copied()
    }

    /// The nodes that read a value, in the file's order.
    pub(super) fn readers(&self, name: &str) -> &[usize] {
        self.readers.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_output(&self, name: &str) -> bool {
        self.outputs.contains(name)
    }
}

impl Node {
    /// The operator; empty for other domains than ONNX's own.
    pub(super) fn kind(&self) -> &str {
        match self.domain.as_deref() {
            None | Some("" | "ai.onnx") => self.op_type.as_deref().unwrap_or_default(),
            Some(_) => "",
        }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// An input's name; empty for an optional input that is left out.
    pub(super) fn reads_at(&self, place: usize) -> Option<&str> {
        self.input.get(place).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Its operator and its name, for messages.
    pub(super) fn described(&self) -> String {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        let name = name.or_else(|| self.output.first().map(String::as_str)).unwrap_or_default();
        format!("{} `{name}`", self.op_type.as_deref().unwrap_or_default())
    }

    /// Adds the names of all values that it or its subgraphs read.
    fn reads<'a>(&'a self, names: &mut HashSet<&'a str>) {
        names.extend(self.input.iter().map(String::as_str));
        for graph in self.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            graph.node.iter().for_each(|node| node.reads(names));
            names.extend(graph.output.iter().filter_map(|output| output.name.as_deref()));
        }
    }

    pub(super) fn new(kind: &str, inputs: &[&str], output: &str) -> Self {
        let input = inputs.iter().map(|name| (*name).to_owned()).collect();
        let (name, op_type) = (Some(output.to_owned()), Some(kind.to_owned()));
        Self { input, output: vec![output.to_owned()], name, op_type, ..Self::default() }
    }

    pub(super) fn with_integer(mut self, name: &str, value: i64) -> Self {
        let (name, kind) = (Some(name.to_owned()), Some(INTEGER));
        self.attribute.push(Attribute { name, i: Some(value), kind, ..Attribute::default() });
        self
    }
}

/// A node that transposes [a, c, b] to [a, b, c].
pub(super) fn transpose(input: &str, output: &str) -> Node {
    let (name, kind) = (Some("perm".to_owned()), Some(INTEGERS));
    let order = Attribute { name, ints: vec![0, 2, 1], kind, ..Attribute::default() };
    Node { attribute: vec![order], ..Node::new("Transpose", &[input], output) }
}

/// Changes to a graph.
#[derive(Default)]
pub(super) struct Changes {
    names: HashSet<String>,
    /// Nodes that replace a node.
    replaced: BTreeMap<usize, Vec<Node>>,
    /// Nodes inserted before a node.
    before: BTreeMap<usize, Vec<Node>>,
    constants: Vec<Tensor>,
}

impl Changes {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut names = HashSet::new();
        graph.node.iter().for_each(|node| {
            node.reads(&mut names);
            names.extend(node.output.iter().map(String::as_str));
        });
        names.extend(graph.initializer.iter().map(Tensor::called));
        Self { names: names.into_iter().map(str::to_owned).collect(), ..Self::default() }
    }

    /// A unique name.
    pub(super) fn name(&mut self, wish: &str) -> String {
        let mut name = wish.to_owned();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{wish}_{number}");
        }
        name
    }

    pub(super) fn replace(&mut self, node: usize, by: Vec<Node>) {
        self.replaced.insert(node, by);
    }

    pub(super) fn insert_before(&mut self, node: usize, new: Node) {
        self.before.entry(node).or_default().push(new);
    }

    pub(super) fn constant(&mut self, tensor: Tensor) -> String {
        let name = tensor.called().to_owned();
        self.constants.push(tensor);
        name
    }

    /// Applies the changes, and removes constants that are no longer read.
    pub(super) fn apply(mut self, graph: &mut Graph) {
        let mut nodes = Vec::with_capacity(graph.node.len());
        for (number, node) in std::mem::take(&mut graph.node).into_iter().enumerate() {
            nodes.extend(self.before.remove(&number).unwrap_or_default());
            match self.replaced.remove(&number) {
                Some(by) => nodes.extend(by),
                None => nodes.push(node),
            }
        }
        let mut read = HashSet::new();
        nodes.iter().for_each(|node| node.reads(&mut read));
        read.extend(graph.output.iter().chain(&graph.input).filter_map(|value| value.name.as_deref()));
        graph.initializer.retain(|tensor| read.contains(tensor.called()));
        graph.initializer.extend(self.constants);
        graph.node = nodes;
    }
}
