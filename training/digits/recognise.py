"""The exported model as an engine runs it: features in windows, caches from step to step, the best token of each frame."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from digits.network import BLANK, known_at
from features import LogMel

RATE = 16000
TAIL = 0.8
"""Seconds of silence after the end, for what is still on its way out."""


class Recogniser:
    """Many recordings at once, step by step."""

    def __init__(self, folder: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        facts = self.session.get_modelmeta().custom_metadata_map
        self.window, self.shift = int(facts["window_size"]), int(facts["chunk_shift"])
        self.caches = [
            [int(facts[f"cache_last_{cache}_dim{dim}"]) for dim in (1, 2, 3)] for cache in ("channel", "time")
        ]
        self.features = LogMel()

    def digits(self, recordings: list[np.ndarray]) -> list[list[tuple[int, int]]]:
        """For each 16 kHz recording its digits, each with the number of samples it took to know it."""
        longest = max(map(len, recordings)) + int(TAIL * RATE)
        sounds = np.zeros((len(recordings), longest), np.float32)
        for row, recording in zip(sounds, recordings):
            row[: len(recording)] = recording
        count = len(recordings)
        features = self.features(torch.from_numpy(sounds)).numpy()
        channel, time = (np.zeros((count, *shape), np.float32) for shape in self.caches)
        lengths, kept = np.full(count, self.window, np.int64), np.zeros(count, np.int64)
        found: list[list[tuple[int, int]]] = [[] for _ in recordings]
        before = np.full(count, BLANK)
        frame = 0
        for start in range(0, features.shape[2] - self.window + 1, self.shift):
            window = np.ascontiguousarray(features[:, :, start : start + self.window])
            inputs = (window, lengths, channel, time, kept)
            log_probs, _, channel, time, kept = self.session.run(
                None, {slot.name: value for slot, value in zip(self.session.get_inputs(), inputs)}
            )
            for best in log_probs.argmax(2).T:
                for stream in np.flatnonzero((best != before) & (best != BLANK)):
                    found[stream].append((int(best[stream]), known_at(frame)))
                before = best
                frame += 1
        return found
