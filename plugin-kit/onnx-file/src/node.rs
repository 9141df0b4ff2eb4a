//! Reads and creates the nodes of a network.

use crate::proto::{Attribute, Node};
use std::collections::HashSet;

/// `AttributeProto.AttributeType`
const FLOAT: i32 = 1;
const INTEGER: i32 = 2;
const INTEGERS: i32 = 7;

impl Node {
    /// The operator's name; empty if the operator is not in ONNX's own domain.
    pub fn kind(&self) -> &str {
        match self.domain.as_deref() {
            None | Some("" | "ai.onnx") => self.op_type.as_deref().unwrap_or_default(),
            Some(_) => "",
        }
    }

    /// The attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    /// The value of an integer attribute.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// The name of the input at `index`; `None` if it is optional and omitted.
    pub fn reads_at(&self, index: usize) -> Option<&str> {
        self.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The operator and the node's name, for messages. A node without a name has that of its first output.
    pub fn described(&self) -> String {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        let name = name.or_else(|| self.output.first().map(String::as_str)).unwrap_or_default();
        format!("{} `{name}`", self.op_type.as_deref().unwrap_or_default())
    }

    /// Adds the names of all values that the node or its subgraphs read.
    pub fn reads<'a>(&'a self, names: &mut HashSet<&'a str>) {
        names.extend(self.input.iter().map(String::as_str));
        for graph in self.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            graph.node.iter().for_each(|node| node.reads(names));
            names.extend(graph.output.iter().filter_map(|output| output.name.as_deref()));
        }
    }

    /// A node with one output. The node has the same name as its output.
    pub fn new(kind: &str, inputs: &[&str], output: &str) -> Self {
        let input = inputs.iter().map(|name| (*name).to_owned()).collect();
        let (name, op_type) = (Some(output.to_owned()), Some(kind.to_owned()));
        Self { input, output: vec![output.to_owned()], name, op_type, ..Self::default() }
    }

    /// Adds an integer attribute.
    pub fn with_integer(mut self, name: &str, value: i64) -> Self {
        let (name, kind) = (Some(name.to_owned()), Some(INTEGER));
        self.attribute.push(Attribute { name, i: Some(value), kind, ..Attribute::default() });
        self
    }

    /// Adds an attribute that is a list of integers.
    pub fn with_integers(mut self, name: &str, values: &[i64]) -> Self {
        let (name, kind) = (Some(name.to_owned()), Some(INTEGERS));
        self.attribute.push(Attribute { name, ints: values.to_vec(), kind, ..Attribute::default() });
        self
    }

    /// Adds a float attribute.
    pub fn with_float(mut self, name: &str, value: f32) -> Self {
        let (name, kind) = (Some(name.to_owned()), Some(FLOAT));
        self.attribute.push(Attribute { name, f: Some(value), kind, ..Attribute::default() });
        self
    }
}
