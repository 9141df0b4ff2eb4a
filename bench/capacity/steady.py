"""Makes a made-up network say what hangs on the audio alone.

The best symbols of a random network hang on the last digits of its numbers, and those on the other streams of a batch, with 8 bits
above all: its texts come a step earlier or later than a lone stream's, and say nothing of delays. Here the loudness of a frame
decides which symbol is best. The network is computed as before: its logits are added.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from streaming.run import features

# Frames that are less loud than this share of all are blank; the others are told apart by so many symbols.
QUIET, SYMBOLS = 0.6, 4
# What the logits of the loudness's symbol are raised by: far above those of any network.
RAISED = 1000.0
# Frames of features for a frame of the network's, where metadata do not say.
SUBSAMPLING = 4


def steady(path: Path, recording: Path, blank: int) -> None:
    """Adds it to a CTC model whose logits go through a `LogSoftmax` to the first output."""
    model = onnx.load(path)
    graph = model.graph
    told = {entry.key: entry.value for entry in model.metadata_props}
    nemo = "window_size" in told
    heard, spoken = graph.input[0].name, graph.output[0]
    shift = int(told["chunk_shift" if nemo else "decode_chunk_len"])
    every = int(told.get("subsampling_factor", SUBSAMPLING))
    bins, width = (graph.input[0].type.tensor_type.shape.dim[1 if nemo else 2], spoken.type.tensor_type.shape.dim[2])
    loud = features(recording, nemo, bins.dim_value, 0).mean(axis=1)
    loud = loud[: len(loud) // every * every].reshape(-1, every).mean(axis=1)
    bounds = np.quantile(loud, np.linspace(QUIET, 1, SYMBOLS, endpoint=False)).astype(np.float32)
    # Letters, in both families' lists.
    symbols = np.array([blank, *np.linspace(3, 60, SYMBOLS)], np.int64)

    def constant(name: str, value: NDArray[np.generic]) -> str:
        graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    last = next(node for node in graph.node if spoken.name in node.output)
    assert last.op_type == "LogSoftmax", last.op_type
    whole = constant("steady_whole", np.array([-1, shift // every, every], np.int64))
    nodes = [
        ("ReduceMean", [heard], "steady_loud", {"axes": [1 if nemo else 2], "keepdims": 0}),
        ("Slice", ["steady_loud", *(constant(f"steady_{n}", np.array([n], np.int64)) for n in (0, shift, 1))], "steady_new", {}),
        ("Reshape", ["steady_new", whole], "steady_frames", {}),
        ("ReduceMean", ["steady_frames"], "steady_frame", {"axes": [2], "keepdims": 1}),
        ("Greater", ["steady_frame", constant("steady_bounds", bounds)], "steady_above", {}),
        ("Cast", ["steady_above"], "steady_ones", {"to": onnx.TensorProto.INT64}),
        ("ReduceSum", ["steady_ones", constant("steady_last", np.array([2], np.int64))], "steady_level", {"keepdims": 0}),
        ("Gather", [constant("steady_symbols", symbols), "steady_level"], "steady_symbol", {}),
        (
            "OneHot",
            [
                "steady_symbol",
                constant("steady_width", np.array(width.dim_value, np.int64)),
                constant("steady_values", np.array([0, RAISED], np.float32)),
            ],
            "steady_raised",
            {"axis": -1},
        ),
        ("Add", [last.input[0], "steady_raised"], "steady_logits", {}),
    ]
    graph.node.remove(last)
    graph.node.extend(helper.make_node(kind, inputs, [output], **more) for kind, inputs, output, more in nodes)
    last.input[0] = "steady_logits"
    graph.node.append(last)
    onnx.checker.check_model(model)
    onnx.save(model, path)
