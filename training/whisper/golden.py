"""What transformers makes of recordings with a made-up model: `python -m whisper.golden DIR --out FILE`.

DIR/transformers is the checkpoint, or what is given as such. A made-up model has no accuracy, but every number of it can be
compared: the features, the encoder's output, logits with given tokens, and what comes of decoding greedily and with beams, with
timestamps and without.
"""

import argparse
import json
from pathlib import Path
import sys
import wave

import numpy as np
import torch
import transformers
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizerFast
from transformers.generation.logits_process import (
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    WhisperTimeStampLogitsProcessor,
)

from whisper.sizes import LANGUAGES

ROOT = Path(__file__).resolve().parent.parent.parent
RECORDINGS = ["weather", "train", "report", "digits", "demo"]
RATE = 16_000
BEAMS = 5
TEACHER = 24
"""Tokens that are given, to see the logits after them."""
TOP = 12


def _rounded(values: torch.Tensor | np.ndarray | list, digits: int = 5) -> list:
    return [round(float(value), digits) for value in values]


def samples(name: str) -> np.ndarray:
    """A recording of `fixtures`, as floats."""
    with wave.open(str(ROOT / f"fixtures/{name}.wav")) as recording:
        assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (RATE, 1, 2), name
        audio = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    return audio.astype(np.float32) / 32_768


class Reference:
    """transformers, with a model and its tokens."""

    def __init__(self, checkpoint: Path):
        self.model = WhisperForConditionalGeneration.from_pretrained(checkpoint, attn_implementation="eager").eval()
        self.tokens = WhisperTokenizerFast.from_pretrained(checkpoint)
        self.extractor = WhisperFeatureExtractor.from_pretrained(checkpoint)
        self.config = self.model.generation_config
        self.start = self.config.decoder_start_token_id
        self.times = self.config.no_timestamps_token_id + 1

    def features(self, audio: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Of 30 s, and which frames are the recording's."""
        found = self.extractor(audio, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
        return found.input_features, found.attention_mask

    def prompt(self, timestamps: bool) -> list[int]:
        """What the text begins with."""
        prompt = [self.start]
        if self.config.is_multilingual:
            prompt += self.tokens.convert_tokens_to_ids(["<|en|>", "<|transcribe|>"])
        return prompt if timestamps else [*prompt, self.config.no_timestamps_token_id]

    def generate(self, features: torch.Tensor, mask: torch.Tensor, timestamps: bool, **options):
        """One window, decoded."""
        if self.config.is_multilingual:
            options |= {"language": "en", "task": "transcribe"}
        return self.model.generate(
            features,
            attention_mask=mask,
            return_timestamps=timestamps,
            force_unique_generate_call=True,
            return_dict_in_generate=True,
            **options,
        )

    def margins(self, prompt: list[int], said: list[int], logits: torch.Tensor, timestamps: bool) -> list[float]:
        """How nearly each token became another: by the two best, or by the rule that prefers timestamps to text."""
        processors = [
            SuppressTokensAtBeginLogitsProcessor(self.config.begin_suppress_tokens, len(prompt)),
            SuppressTokensLogitsProcessor(self.config.suppress_tokens),
        ]
        if timestamps:
            processors.append(
                WhisperTimeStampLogitsProcessor(self.config, len(prompt), _detect_timestamp_from_logprob=False)
            )
        margins = []
        for step, scores in enumerate(logits):
            ids = torch.tensor([prompt + said[:step]])
            scores = scores[None]
            for processor in processors:
                scores = processor(ids, scores)
            margin = float("inf")
            if timestamps:
                text, times = scores[0, : self.times], scores[0, self.times :]
                rule = float(times.logsumexp(0) - text.max())
                margin = abs(rule)
                scores = times[None] if rule > 0 else scores
            best = scores[0].topk(2).values
            margins.append(min(margin, float(best[0] - best[1])))
        # One that cannot be anything else has no limit to its margin.
        return _rounded([min(margin, 1e3) for margin in margins], 4)

    def words(self, sequence: list[int], times: list[float]) -> list:
        """Words and when they were said, as the pipeline of transformers tells them."""
        heard = {"tokens": np.array([sequence]), "token_timestamps": np.array([times])}
        _, found = self.tokens._decode_asr(
            [heard], return_timestamps="word", return_language=False, time_precision=0.02
        )
        return [[chunk["text"], *_rounded(chunk["timestamp"], 2)] for chunk in found["chunks"]]

    def decoded(self, features: torch.Tensor, mask: torch.Tensor, timestamps: bool) -> dict:
        """Greedily, with the times of tokens and words, and by beams."""
        prompt = self.prompt(timestamps)
        found = self.generate(features, mask, timestamps, output_logits=True, return_token_timestamps=True)
        sequence = found["sequences"][0].tolist()
        assert sequence[: len(prompt)] == prompt, (sequence, prompt)
        said, times = sequence[len(prompt) :], found["token_timestamps"][0].tolist()
        logits = torch.stack([step[0] for step in found["logits"]])
        beams = self.generate(features, mask, timestamps, num_beams=BEAMS, output_scores=True)
        best = beams["sequences"][0].tolist()[len(prompt) :]
        return {
            "timestamps": timestamps,
            "prompt": prompt,
            "tokens": said,
            "margins": self.margins(prompt, said, logits, timestamps),
            "logprobs": _rounded(logits.log_softmax(1).gather(1, torch.tensor(said)[: len(logits), None])[:, 0], 4),
            "text": self.tokens.decode(said, skip_special_tokens=True),
            "token_times": _rounded(times[len(prompt) :], 2),
            "words": self.words(sequence, times),
            "beam": {"tokens": best, "score": round(float(beams["sequences_scores"][0]), 5)},
        }

    def recording(self, name: str) -> dict:
        """All that is to be known of one."""
        audio = samples(name)
        features, mask = self.features(audio)
        with torch.no_grad():
            sound = self.model.model.encoder(features).last_hidden_state
            first = self.model(encoder_outputs=(sound,), decoder_input_ids=torch.tensor([[self.start]])).logits[0, 0]
        frames = int(mask.sum())
        found = {
            "file": f"{name}.wav",
            "frames": frames,
            "features": self._spots(features[0], [0, 7, 40, 79], [0, 1, 100, frames // 2, frames - 1, frames + 1, 2999]),
            "encoder": self._spots(sound[0], [0, 1, 250, 777, 1499], [1, 8, 11, 23]),
            "no_speech": round(float(first.softmax(0)[self.times - 2]), 6),
            "decoded": [self.decoded(features, mask, timestamps) for timestamps in (False, True)],
        }
        if self.config.is_multilingual:
            languages = range(self.start + 1, self.start + 1 + LANGUAGES)
            codes = [token[2:-2] for token in self.tokens.convert_ids_to_tokens(languages)]
            likely = first[list(languages)].softmax(0)
            assert int(self.model.detect_language(features)[0]) == self.start + 1 + int(likely.argmax())
            found["languages"] = {codes[at]: round(float(likely[at]), 6) for at in likely.topk(5).indices.tolist()}
        return found

    def _spots(self, values: torch.Tensor, rows: list[int], columns: list[int]) -> dict:
        """Some of a matrix, and what the whole comes to."""
        spots = [[row, column, round(float(values[row, column]), 5)] for row in rows for column in columns]
        return {"mean": round(float(values.mean()), 6), "rms": round(float(values.square().mean().sqrt()), 6), "spots": spots}

    def teacher(self, name: str) -> dict:
        """Logits with tokens that were not chosen but given."""
        features, _ = self.features(samples(name))
        given = np.random.default_rng(2).integers(0, self.start - 2, TEACHER).tolist()
        tokens = self.prompt(False) + given
        with torch.no_grad():
            logits = self.model(features, decoder_input_ids=torch.tensor([tokens])).logits[0]
        positions = []
        for position in range(0, len(tokens), 4):
            best = logits[position].topk(TOP)
            ends = [0, self.config.eos_token_id, self.times, len(logits[0]) - 1]
            positions.append({
                "position": position,
                "logsumexp": round(float(logits[position].logsumexp(0)), 5),
                "best": [[at, round(value, 5)] for at, value in zip(best.indices.tolist(), best.values.tolist())],
                "others": [[at, round(float(logits[position, at]), 5)] for at in ends],
            })
        return {"file": f"{name}.wav", "tokens": tokens, "logits": positions}

    def long(self, names: list[str]) -> dict:
        """The recordings as one, of more than a window: what is sought next depends on the timestamps told."""
        audio = np.concatenate([samples(name) for name in names])
        found = self.extractor(
            audio, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True, truncation=False, padding="longest"
        )
        options = {"language": "en", "task": "transcribe"} if self.config.is_multilingual else {}
        told = self.model.generate(
            found.input_features,
            attention_mask=found.attention_mask,
            return_timestamps=True,
            return_segments=True,
            return_dict_in_generate=True,
            output_logits=True,
            condition_on_prev_tokens=False,
            **options,
        )
        segments = [
            [*_rounded([part["start"], part["end"]], 2), part["tokens"].tolist()] for part in told["segments"][0]
        ]
        prompt, windows = self.prompt(True), []
        for result in {id(part["result"]): part["result"] for part in told["segments"][0]}.values():
            sequence = result["sequences"].tolist()
            said = sequence[len(prompt) : len(prompt) + len(result["logits"])]
            margins = self.margins(prompt, said, torch.stack(result["logits"]), True)
            windows.append({"tokens": said, "margins": margins})
        return {"files": [f"{name}.wav" for name in names], "segments": segments, "windows": windows}


def golden(checkpoint: Path, names: list[str]) -> dict:
    """Everything."""
    reference = Reference(checkpoint)
    return {
        "transformers": transformers.__version__,
        "torch": torch.__version__.split("+")[0],
        "multilingual": reference.config.is_multilingual,
        "recordings": [reference.recording(name) for name in names],
        "teacher": reference.teacher(names[0]),
        "long": reference.long(names),
    }


def write(found: dict, file: Path) -> None:
    """One entry a line, where it is long."""
    lines = []
    for key, value in found.items():
        if isinstance(value, list):
            lines.append(f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(entry) for entry in value) + "\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> int:
    """Does it."""
    parser = argparse.ArgumentParser(prog="python -m whisper.golden", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="where it is not in the folder itself")
    parser.add_argument("--recordings", nargs="+", default=RECORDINGS, metavar="NAME", help="of those in fixtures, else five")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    write(golden(options.checkpoint or options.folder / "transformers", options.recordings), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
