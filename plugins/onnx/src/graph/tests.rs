//! Tests with the files of the committed models, complete and damaged.

use super::*;
use proptest::prelude::*;
use std::{fs, path::Path};

fn file(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(path)).unwrap()
}

fn refusal(file: Vec<u8>, optimizations: &[Optimization]) -> String {
    let message = rewrite(file, optimizations).unwrap_err().message;
    assert!(!message.contains(char::is_control), "{message:?}");
    message
}

#[test]
fn nothing_of_a_file_is_lost() {
    for path in [
        "nemo-ctc-small/model.onnx",
        "nemo-transducer-small/encoder.int8.onnx",
        "nemo-transducer-small/decoder.onnx",
        "zipformer2-transducer-small/encoder.fp16.onnx",
        "zipformer2-transducer-small/joiner.int8.onnx",
    ] {
        let file = file(path);
        assert!(rewrite(file.clone(), &[]).unwrap() == file, "{path}");
    }
}

#[test]
fn keys_and_values_are_made_of_new_frames_alone() {
    let before = Model::decode(&*file("nemo-ctc-small/model.onnx")).unwrap().graph.unwrap();
    let after = rewrite(file("nemo-ctc-small/model.onnx"), &[Optimization::ProjectedCache]).unwrap();
    let after = Model::decode(&*after).unwrap().graph.unwrap();
    let count = |graph: &proto::Graph, kind: &str| graph.node.iter().filter(|node| node.kind() == kind).count();
    assert_eq!(count(&after, "MatMul"), count(&before, "MatMul"));
    let view = edit::View::new(&after);
    let joined = |name: &str| view.producer(name).is_some_and(|node| view.nodes[node].kind() == "Concat");
    assert!(!after.node.iter().any(|node| node.kind() == "MatMul" && joined(&node.input[0])));
    assert_eq!((before.input.len(), after.input.len(), after.output.len()), (5, 6, 6));
    assert_eq!((&after.input[5].kind, &after.output[5].kind), (&before.input[2].kind, &before.output[2].kind));
}

#[test]
fn a_format_of_tomorrow_and_weights_elsewhere_are_refused() {
    let model = || Model::decode(&*file("nemo-ctc-small/model.onnx")).unwrap();
    let mut tomorrow = model();
    tomorrow.ir_version = Some(99);
    let tomorrow = refusal(tomorrow.encode_to_vec(), &[Optimization::Int8]);
    assert_eq!(tomorrow, "cannot be optimized: its format has version 99, only versions up to 14 are supported");
    let mut elsewhere = model();
    elsewhere.graph.as_mut().unwrap().initializer[0].data_location = Some(1);
    let elsewhere = refusal(elsewhere.encode_to_vec(), &[Optimization::Int8]);
    assert!(elsewhere.ends_with("its weights are in a separate file; they must be in the same file"), "{elsewhere}");
    assert!(refusal(b"onnx".to_vec(), &[]).starts_with("cannot be optimized: it is not an ONNX file: "));
}

#[test]
fn a_layer_that_is_made_otherwise_is_told_of() {
    let changed = |change: &dyn Fn(&mut proto::Graph)| {
        let mut model = Model::decode(&*file("nemo-ctc-small/model.onnx")).unwrap();
        change(model.graph.as_mut().unwrap());
        refusal(model.encode_to_vec(), &[Optimization::ProjectedCache])
    };
    let join = |graph: &proto::Graph| {
        let join = graph.node.iter().find(|node| node.kind() == "Concat" && node.integer("axis") == Some(1)).unwrap();
        join.output[0].clone()
    };
    // Keys and values, and a third product, of the frames of a layer.
    let thrice = changed(&|graph| {
        let mut third =
            graph.node.iter().find(|node| node.input[0] == join(graph) && node.kind() == "MatMul").unwrap().clone();
        third.output = vec!["third".into()];
        graph.node.push(third);
    });
    assert!(thrice.ends_with("and its cache are in 3 products, not in two"), "{thrice}");
    let bent = changed(&|graph| {
        let join = join(graph);
        graph.node.push(proto::Node::new("Relu", &[&join], "bent"));
    });
    assert!(bent.contains("Relu `bent` reads cached frames"), "{bent}");
    // The first layer's attention ignores its cache.
    let fewer = changed(&|graph| {
        let join = join(graph);
        let is_product = |node: &proto::Node| node.kind() == "MatMul" && node.input[0] == join;
        graph.node.retain(|node| !is_product(node));
    });
    assert!(fewer.ends_with("1 of 2 layers compute keys and values of cached frames with constant weights"), "{fewer}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_are_refused_or_rewritten_without_panic(
        cut in 0_usize..40_000, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        transducer in any::<bool>(),
    ) {
        let mut file = file(if transducer { "nemo-transducer-small/encoder.onnx" } else { "nemo-ctc-small/model.onnx" });
        if cut < 4_000 {
            file.truncate(file.len() - cut * 50);
        }
        // The nodes come first, then the weights.
        for (place, value) in changes {
            let place = place.index(file.len().min(20_000));
            file[place] = value;
        }
        for optimization in Optimization::ALL {
            if let Err(problem) = rewrite(file.clone(), &[optimization]) {
                prop_assert!(!problem.message.contains(char::is_control), "{:?}", problem.message);
            }
        }
    }
}
