//! `projected-cache`: the attention of a NeMo network caches keys and values instead of the frames that they are
//! computed from.
//!
//! In the exported file, each layer joins its cached frames with the new ones and computes keys and values of all of
//! them: ten times as many as are new. Here only the new frames are multiplied. The products take the path of the
//! frames, through each slice, join and stack, to the next cache and back: the keys in place of the frames, the values
//! in a separate cache, the last input and output. A bias is added after that, as before. So a cache of zeros has the
//! same effect, and every number is the sum of the same products.

use super::{
    carried::{Carried, Source},
    edit::{Changes, View},
    proto::{Graph, Model, Node, ValueInfo},
};
use std::collections::{BTreeMap, HashMap};

/// Index of the attention's cache in a NeMo network, among inputs and outputs.
const PLACE: usize = 2;
/// Its axes: streams, layers, frames, and a frame's values.
const AXES: usize = 4;
const LAYERS: &str = "cache_last_channel_dim1";
const WIDTH: &str = "cache_last_channel_dim3";

/// Rewrites the network; returns the number of layers.
pub(super) fn rewrite(model: &mut Model) -> Result<usize, String> {
    let number = |key: &str| {
        let entry = model.metadata_props.iter().find(|entry| entry.key.as_deref() == Some(key));
        let found = entry.and_then(|entry| entry.value.as_deref()?.trim().parse::<usize>().ok());
        found.ok_or_else(|| format!("its metadata have no number `{key}`, as NeMo's cache-aware networks have"))
    };
    let (layers, width) = (number(LAYERS)?, number(WIDTH)?);
    let graph = model.graph.as_mut().ok_or("it has no graph")?;
    let mut changes = Changes::new(graph);
    let [input, output] = plan(graph, &mut changes, layers, width)?;
    changes.apply(graph);
    let another = |values: &mut Vec<ValueInfo>, name: String| {
        values.extend(values.get(PLACE).cloned().map(|value| ValueInfo { name: Some(name), ..value }));
    };
    another(&mut graph.input, input);
    another(&mut graph.output, output);
    Ok(layers)
}

/// Keys and values of a layer: the nodes that compute them from frames.
type Pair = [usize; 2];

/// The changes; returns the names of the values' cache and of the next one.
fn plan(graph: &Graph, changes: &mut Changes, layers: usize, width: usize) -> Result<[String; 2], String> {
    let view = View::new(graph);
    let name = |values: &[ValueInfo]| values.get(PLACE).and_then(|value| value.name.clone()).unwrap_or_default();
    let (cache, next) = (name(&graph.input), name(&graph.output));
    let carried = Carried::follow(&view, &cache, AXES, width)?;
    let mut found: Vec<&str> = carried.values.keys().copied().filter(|value| view.is_output(value)).collect();
    found.sort_unstable();
    if found != [next.as_str()] {
        return Err(format!("cached frames go to the outputs {found:?}, not to the next cache `{next}` alone"));
    }
    let pairs = pairs(&view, &carried)?;
    if pairs.len() != layers || layers == 0 {
        let found = pairs.len();
        return Err(format!(
            "{found} of {layers} layers compute keys and values of cached frames with constant weights"
        ));
    }
    // On the path of the keys, the values have other names.
    let mut values: HashMap<&str, String> = HashMap::new();
    for value in carried.values.keys() {
        values.insert(value, changes.name(&format!("{value}_values")));
    }
    let mut products: BTreeMap<&str, [String; 2]> = BTreeMap::new();
    for step in &carried.steps {
        let node = &view.nodes[*step];
        let mut both = [node.clone(), node.clone()];
        let renamed = |name: &String| values.get(name.as_str()).unwrap_or(name).clone();
        both[1].name = node.name.as_ref().map(|name| changes.name(&format!("{name}_values")));
        both[1].output = node.output.iter().map(renamed).collect();
        for (place, input) in node.input.iter().enumerate() {
            let Some(Source { value, through }) = carried.source(*step, input) else {
                both[1].input[place] = renamed(input);
                continue;
            };
            let Some(pair) = pairs.get(value) else {
                return Err(format!(
                    "{} caches `{value}`, from which no keys and values are computed",
                    node.described()
                ));
            };
            let products = products.entry(value).or_insert_with(|| project(changes, &view, value, *pair, *step));
            for (product, node) in products.iter().zip(&mut both) {
                node.input[place] = lead(changes, &view, product, &through, *step);
            }
        }
        changes.replace(*step, both.into());
    }
    for (node, of_values) in pairs.values().flat_map(|[keys, values]| [(*keys, false), (*values, true)]) {
        let Node { input, output, .. } = &view.nodes[node];
        let there = values.get(input[0].as_str()).filter(|_| of_values).unwrap_or(&input[0]);
        changes.replace(node, vec![Node::new("Identity", &[there], &output[0])]);
    }
    let named = |name: &str| values.get(name).cloned().unwrap_or_default();
    Ok([named(&cache), named(&next)])
}

/// The pair of products of each layer, by the new frames that they are computed from.
fn pairs<'a>(view: &View<'a>, carried: &Carried<'a>) -> Result<BTreeMap<&'a str, Pair>, String> {
    let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for product in &carried.products {
        let node = &view.nodes[*product];
        let sources: Vec<&str> = carried.sources(&node.input[0]).into_iter().collect();
        match sources[..] {
            [source] => found.entry(source).or_default().push(*product),
            _ => return Err(format!("{} has the frames {sources:?}, not those of one layer", node.described())),
        }
    }
    let paired = found.into_iter().map(|(source, products)| match products[..] {
        [keys, values] => Ok((source, [keys, values])),
        _ => Err(format!("`{source}` and its cache are in {} products, not in two", products.len())),
    });
    paired.collect()
}

/// Inserts products of the new frames alone, before `step`.
fn project(changes: &mut Changes, view: &View<'_>, value: &str, pair: Pair, step: usize) -> [String; 2] {
    pair.map(|node| {
        let product = changes.name(&format!("{value}_projected"));
        changes.insert_before(step, Node::new("MatMul", &[value, &view.nodes[node].input[1]], &product));
        product
    })
}

/// Leads a product through the nodes that its frames went through, before `step`.
fn lead(changes: &mut Changes, view: &View<'_>, product: &str, through: &[usize], step: usize) -> String {
    through.iter().fold(product.to_owned(), |before, node| {
        let output = changes.name(&format!("{product}_handed_on"));
        let mut node = view.nodes[*node].clone();
        node.input[0] = before;
        (node.name, node.output) = (Some(output.clone()), vec![output.clone()]);
        changes.insert_before(step, node);
        output
    })
}
