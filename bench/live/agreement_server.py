"""whisper_streaming's policy over faster-whisper as a server, in vosk's protocol: each word is sent when it is final.

The policy is that of `bench/whisper`. Streams share the weights; two calls of the model run at once, one thread each.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path

import numpy as np

from agreement import Online, Word
from vac import Silero, Vac

TRIM = 15.0
"""Seconds after which a buffer is shortened: whisper_streaming's default."""
CALLS = 2


def serve(weights: Path, vad: Path, port: int, chunk: float) -> None:
    """Serves until it is killed; decodes whenever a stream has `chunk` more seconds of speech."""
    from faster_whisper import WhisperModel
    from websockets.asyncio.server import serve as websocket

    model = WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=1, num_workers=CALLS)
    calls = ThreadPoolExecutor(CALLS)

    def transcribe(buffer: np.ndarray, prompt: str) -> tuple[list[Word], list[float]]:
        segments, _ = model.transcribe(
            buffer, language="en", beam_size=1, word_timestamps=True, initial_prompt=prompt or None
        )  # fmt: skip
        segments = list(segments)
        spoken = [segment for segment in segments if segment.no_speech_prob <= 0.9]
        words = [Word(word.start, word.end, word.word) for segment in spoken for word in segment.words]
        return words, [segment.end for segment in segments]

    async def stream(socket) -> None:
        vac = Vac(Silero(vad), lambda offset: Online(transcribe, TRIM, offset), chunk)
        run = lambda step, *audio: asyncio.get_running_loop().run_in_executor(calls, step, *audio)
        async for message in socket:
            if isinstance(message, bytes):
                words = await run(vac.hear, np.frombuffer(message, "<i2").astype(np.float32) / 32_768)
            elif "eof" in message:
                words = await run(vac.finish)
            else:
                continue
            await socket.send(json.dumps({"text": "".join(word.text for word in words)} if words else {"partial": ""}))
            if isinstance(message, str):
                return

    async def forever() -> None:
        async with websocket(stream, "127.0.0.1", port):
            await asyncio.Future()

    asyncio.run(forever())
