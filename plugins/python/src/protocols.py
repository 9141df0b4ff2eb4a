"""What an engine's author may import from `real_time_asr_backend.real_time_asr_protocols`.

The base classes are optional: only the methods matter.
"""

from __future__ import annotations

from typing import Any, Optional, Protocol, Tuple, runtime_checkable

__all__ = ["ASRBase", "ASRConfig", "ASRProcessor", "ModelLoader"]

#: Start and end in seconds since `init`, and the text.
Result = Tuple[Optional[float], Optional[float], str]


@runtime_checkable
class ASRProcessor(Protocol):
    """Recognises one stream."""

    def init(self) -> None:
        """Discards all state: the next audio begins a stream, at 0 seconds."""

    def insert_audio_chunk(self, audio: Any) -> None:
        """Receives audio: a NumPy array of float32, mono, 16 kHz. It may be kept and changed."""

    def process_iter(self) -> Result:
        """Called once after each chunk. Returns what is final now, or (None, None, "")."""
        return (None, None, "")

    def finish(self) -> Result:
        """Called once after the last audio. Returns the rest."""
        return (None, None, "")


@runtime_checkable
class ASRBase(Protocol):
    """Transcribes a buffer."""

    def transcribe(self, audio: Any, init_prompt: str = "") -> Any:
        """Transcribes the audio."""


@runtime_checkable
class ModelLoader(Protocol):
    """Makes processors."""

    def load(self, config: ASRConfig) -> Tuple[ASRProcessor, dict]:
        """Returns a new processor and the metadata, {"separator": " "}. Called for each stream."""
        raise NotImplementedError


class ASRConfig:
    """The preset's fields, as attributes."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the preset has no field `{name}`")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"ASRConfig({fields})"

    def model_dump(self) -> dict:
        """The fields as a dictionary."""
        return dict(self.__dict__)
