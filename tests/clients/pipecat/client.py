#!/usr/bin/env python3
"""Streams a WAV file through a pipeline of Pipecat with one of its services, and prints the final texts as JSON.

    client.py SERVICE HOST:PORT KEY MODEL FILE WORDS

SERVICE is `openai` (Pipecat tells where speech ends), `openai-server` (the server does) or `deepgram`. Ends after so many
words, or with an error.
"""

import asyncio
import json
import sys
import wave

from pipecat.frames.frames import EndFrame, ErrorFrame, InputAudioRawFrame, TranscriptionFrame, VADUserStoppedSpeakingFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.openai.stt import OpenAIRealtimeSTTService
from pipecat.workers.runner import WorkerRunner

# Much more than a healthy server needs.
LIMIT_SECONDS = 120


def service(name, host, key, model):
    if name == "deepgram":
        settings = DeepgramSTTService.Settings(model=model)
        return DeepgramSTTService(api_key=key, base_url=f"ws://{host}", settings=settings)
    turn_detection = {"type": "server_vad"} if name == "openai-server" else False
    settings = OpenAIRealtimeSTTService.Settings(model=model)
    url = f"ws://{host}/v1/realtime"
    return OpenAIRealtimeSTTService(api_key=key, base_url=url, turn_detection=turn_detection, settings=settings)


class Collector(FrameProcessor):
    """Collects the final texts until there are enough words."""

    def __init__(self, words):
        super().__init__()
        self.texts, self.errors, self.wanted = [], [], words
        self.done = asyncio.Event()

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            self.texts.append(frame.text)
        if len(" ".join(self.texts).split()) >= self.wanted:
            self.done.set()
        await self.push_frame(frame, direction)

    def failed(self, error):
        self.errors.append(error)
        self.done.set()


async def listen(name, host, key, model, path, words):
    with wave.open(path) as file:
        rate, audio = file.getframerate(), file.readframes(file.getnframes())
    # Silence, in which the server finds the end.
    audio += bytes(2 * 3 * rate)
    collector = Collector(words)
    pipeline = Pipeline([service(name, host, key, model), collector])
    params = PipelineParams(audio_in_sample_rate=rate)
    worker = PipelineWorker(pipeline, params=params, cancel_on_idle_timeout=False, enable_rtvi=False)
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_started(worker, frame):
        started.set()

    @worker.event_handler("on_pipeline_error")
    async def on_error(worker, frame: ErrorFrame):
        collector.failed(frame.error)

    async def push():
        await started.wait()
        for at in range(0, len(audio), rate // 5):
            await worker.queue_frame(InputAudioRawFrame(audio[at : at + rate // 5], rate, 1))
            await asyncio.sleep(0.01)
        if name == "openai":
            await worker.queue_frame(VADUserStoppedSpeakingFrame())
        try:
            await asyncio.wait_for(collector.done.wait(), LIMIT_SECONDS)
        finally:
            await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), push())
    return {"texts": collector.texts, "errors": collector.errors}


def main():
    name, host, key, model, path, words = sys.argv[1:]
    print(json.dumps(asyncio.run(listen(name, host, key, model, path, int(words)))))


if __name__ == "__main__":
    main()
