//! Follows the frames of a cache through a graph: nodes that pass them on unchanged, and nodes that compute with them.
//!
//! Invariant: in everything that is followed, the last axis contains a frame's own values, unchanged. So they can be
//! replaced by other values of the same frames, of the same number. Nodes that do anything else with them are named in
//! an error.

use super::{edit::View, proto::Node};
use std::collections::{BTreeSet, HashMap};

/// `TensorProto.DataType`
const FLOAT: i64 = super::proto::FLOAT as i64;

/// The uses of a cache's frames.
pub(super) struct Carried<'a> {
    view: &'a View<'a>,
    /// Length of the last axis.
    width: usize,
    /// The values that consist of cached and new frames, each with its number of axes.
    pub(super) values: HashMap<&'a str, usize>,
    /// Nodes that pass frames on.
    pub(super) steps: BTreeSet<usize>,
    /// Products of frames and constant weights.
    pub(super) products: BTreeSet<usize>,
}

/// New frames that are joined with the cached ones, and the nodes that pass them there.
pub(super) struct Source<'a> {
    pub(super) value: &'a str,
    pub(super) through: Vec<usize>,
}

impl<'a> Carried<'a> {
    /// Follows the cache with this name, which has `axes` axes; the last one has length `width`.
    pub(super) fn follow(view: &'a View<'a>, cache: &'a str, axes: usize, width: usize) -> Result<Self, String> {
        let values = HashMap::from([(cache, axes)]);
        let mut carried = Self { view, width, values, steps: BTreeSet::new(), products: BTreeSet::new() };
        let mut queue = vec![(cache, axes)];
        while let Some((value, axes)) = queue.pop() {
            for number in view.readers(value) {
                let node = &view.nodes[*number];
                let met = meet(view, node, value, axes, width).ok_or_else(|| {
                    let node = node.described();
                    format!(
                        "{node} reads cached frames, but neither multiplies them with constants nor passes them on unchanged"
                    )
                })?;
                match met {
                    Met::Count => {}
                    Met::Product => {
                        carried.products.insert(*number);
                    }
                    Met::Step(axes) => {
                        carried.steps.insert(*number);
                        for output in node.output.iter().filter(|output| !output.is_empty()) {
                            match carried.values.insert(output, axes) {
                                None => queue.push((output, axes)),
                                Some(before) if before == axes => {}
                                Some(_) => {
                                    return Err(format!("{} joins frames of different shapes", node.described()));
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(carried)
    }

    /// The new frames in an input of a step, unless the input is carried itself.
    pub(super) fn source(&self, step: usize, mut value: &'a str) -> Option<Source<'a>> {
        let (view, mut through) = (self.view, Vec::new());
        let axes = *self.values.get(view.nodes[step].output.first()?.as_str())?;
        if view.nodes[step].kind() != "Concat" {
            return None;
        }
        loop {
            if self.values.contains_key(value) || through.len() > view.nodes.len() {
                return None;
            }
            let producer = view.producer(value).filter(|number| {
                let node = &view.nodes[*number];
                matches!(node.kind(), "Identity" | "Slice") && handed_on(view, node, axes, self.width).is_some()
            });
            let Some(number) = producer else { break };
            through.insert(0, number);
            value = view.nodes[number].reads_at(0)?;
        }
        Some(Source { value, through })
    }

    /// The new frames in a carried value, without duplicates.
    pub(super) fn sources(&self, value: &'a str) -> BTreeSet<&'a str> {
        let (mut found, mut seen, mut queue) = (BTreeSet::new(), BTreeSet::new(), vec![value]);
        while let Some(value) = queue.pop() {
            let step = self.view.producer(value).filter(|step| self.steps.contains(step) && seen.insert(*step));
            for input in step.iter().flat_map(|step| &self.view.nodes[*step].input) {
                match step.and_then(|step| self.source(step, input)) {
                    Some(source) => drop(found.insert(source.value)),
                    None if self.values.contains_key(input.as_str()) => queue.push(input),
                    None => {}
                }
            }
        }
        found
    }
}

/// What a node does with frames.
enum Met {
    /// Passes them on, with this number of axes.
    Step(usize),
    /// Multiplies each with the same weights.
    Product,
    /// Uses their number.
    Count,
}

fn meet(view: &View<'_>, node: &Node, value: &str, axes: usize, width: usize) -> Option<Met> {
    let once = node.reads_at(0) == Some(value) && node.input.iter().filter(|name| *name == value).count() == 1;
    if node.output.is_empty() || node.kind() != "Concat" && !once {
        return None;
    }
    match node.kind() {
        "Shape" => Some(Met::Count),
        "MatMul" => {
            let weights = view.constant(node.reads_at(1)?)?;
            let square = weights.dims.len() == 2 && weights.matrix() == Some((width, width));
            (square && axes >= 2).then_some(Met::Product)
        }
        _ => handed_on(view, node, axes, width).map(Met::Step),
    }
}

/// The number of axes of the output of a node whose input has `axes` axes, if it does not change the last one.
fn handed_on(view: &View<'_>, node: &Node, axes: usize, width: usize) -> Option<usize> {
    let constant = |place: usize| node.reads_at(place).and_then(|name| view.integers(name));
    let last = axes.checked_sub(1)?;
    // An axis before the last one.
    let other = |axis: i64| place(axis, axes).filter(|axis| *axis < last);
    match node.kind() {
        "Identity" => Some(axes),
        "Cast" => (node.integer("to") == Some(FLOAT)).then_some(axes),
        "Transpose" => {
            let order = &node.attribute("perm")?.ints;
            (order.len() == axes && order.last() == Some(&(last as i64))).then_some(axes)
        }
        "Gather" => {
            other(node.integer("axis").unwrap_or(0))?;
            let taken = view.constant(node.reads_at(1)?)?;
            Some(last + taken.dims.len())
        }
        "Slice" => {
            sliced_axes(view, node)?.into_iter().try_for_each(|axis| other(axis).map(drop))?;
            Some(axes)
        }
        "Split" => other(node.integer("axis").unwrap_or(0)).map(|_| axes),
        "Concat" => other(node.integer("axis")?).map(|_| axes),
        "Squeeze" | "Unsqueeze" => {
            let listed = match node.attribute("axes") {
                Some(listed) => listed.ints.clone(),
                None => constant(1)?,
            };
            let squeezed = node.kind() == "Squeeze";
            let after = if squeezed { axes.checked_sub(listed.len())? } else { axes.checked_add(listed.len())? };
            let most = axes.max(after);
            let apart = listed.iter().all(|axis| place(*axis, most).is_some_and(|axis| axis + 1 < most));
            apart.then_some(after)
        }
        "Reshape" => {
            let shape = constant(1)?;
            let whole = node.integer("allowzero").unwrap_or(0) == 0;
            (whole && shape.len() > 1 && shape.last() == Some(&(width as i64))).then_some(shape.len())
        }
        _ => None,
    }
}

/// The axes of a slice.
fn sliced_axes(view: &View<'_>, node: &Node) -> Option<Vec<i64>> {
    match node.reads_at(3) {
        Some(listed) => view.integers(listed),
        // By default the first axes, one for each start.
        None => Some((0..view.integers(node.reads_at(1)?)?.len() as i64).collect()),
    }
}

/// The index of an axis.
fn place(axis: i64, axes: usize) -> Option<usize> {
    let count = i64::try_from(axes).ok()?;
    let axis = if axis < 0 { axis.checked_add(count)? } else { axis };
    usize::try_from(axis).ok().filter(|axis| *axis < axes)
}
