//! Looks up values of a graph by name, and changes the graph in one go.
//!
//! Invariant: additions have unique names, and come before the nodes that read them. Nodes of subgraphs count as
//! readers; they are never changed.

use super::proto::{Graph, Node, Tensor};
use std::collections::{BTreeMap, HashMap, HashSet};

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

/// A node that transposes [a, c, b] to [a, b, c].
pub(super) fn transpose(input: &str, output: &str) -> Node {
    Node::new("Transpose", &[input], output).with_integers("perm", &[0, 2, 1])
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
