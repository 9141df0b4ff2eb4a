"""Matrices of each precision: products and embeddings are those of 32 bits, within what rounding a number moves."""

from pathlib import Path
import tempfile
import unittest

import numpy as np
from onnx import TensorProto

import stock  # first: it says where the converter is
from graph import Graph
from layers import BLOCKS, DYNAMIC, PLAIN, Matrices
from networks import session

ROWS = 40


class Precisions(unittest.TestCase):
    def run_(self, matrices: Matrices, matrix: np.ndarray, bias: np.ndarray, x: np.ndarray, at: np.ndarray) -> list[np.ndarray]:
        """A product with a bias, and embeddings."""
        graph = Graph()
        graph.input("x", TensorProto.FLOAT, ("batch", "tokens", matrix.shape[1]))
        graph.input("at", TensorProto.INT64, ("batch", "tokens"))
        graph.output("product", ("batch", "tokens", ROWS))
        matrices.product(graph, "x", "matrix", matrix, bias, into="product")
        rows = matrices.rows(graph, "at", "matrix", matrix)
        graph.node("Identity", rows, into=graph.output("rows", ("batch", "tokens", matrix.shape[1])))
        with tempfile.TemporaryDirectory() as work:
            graph.save(Path(work) / "layer.onnx", {})
            return session(Path(work) / "layer.onnx").run(["product", "rows"], {"x": x, "at": at})

    def test_rounding_moves_no_number_by_more_than_half_a_step(self):
        chance = np.random.default_rng(5)
        for name, matrices, steps in (("plain", PLAIN, 0), ("dynamic", DYNAMIC, 0.5), ("blocks", BLOCKS, 0.5)):
            for width in (24, 32, 96, 128, 384, 512):
                with self.subTest(matrices=name, width=width):
                    matrix = chance.normal(0, 1, (ROWS, width)).astype(np.float32)
                    bias = chance.normal(0, 1, ROWS).astype(np.float32)
                    # What is 1 everywhere is rounded without loss, and nothing that all numbers share cancels out.
                    x, at = np.ones((2, 3, width), np.float32), chance.integers(0, ROWS, (2, 3))
                    product, rows = self.run_(matrices, matrix, bias, x, at)
                    step = steps * np.abs(matrix).max() / 127
                    self.assertLessEqual(np.abs(rows - matrix[at]).max(), step + 1e-6)
                    moved = np.abs(product - (matrix.sum(axis=1) + bias))
                    # Errors of a row's numbers cancel out in part: their sum grows as the root of their number.
                    self.assertLessEqual(moved.max(), 4 * step * np.sqrt(width) + 1e-4)

    def test_rows_of_nothing_stay_nothing(self):
        matrix, x, at = np.zeros((ROWS, 128), np.float32), np.ones((1, 1, 128), np.float32), np.zeros((1, 1), np.int64)
        for name, matrices in (("plain", PLAIN), ("dynamic", DYNAMIC), ("blocks", BLOCKS)):
            with self.subTest(matrices=name):
                for found in self.run_(matrices, matrix, np.zeros(ROWS, np.float32), x, at):
                    self.assertLess(np.abs(found).max(), 1e-30)


if __name__ == "__main__":
    unittest.main()
