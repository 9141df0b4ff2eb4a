#!/usr/bin/env python3
"""Streams a WAV file with a speech plug-in of LiveKit agents, and prints the final texts as JSON.

    client.py PLUGIN HOST:PORT KEY MODEL FILE WORDS

PLUGIN is `openai` or `deepgram`. Ends after so many words, or with an error.
"""

import asyncio
import json
import sys
import wave

from livekit import rtc
from livekit.agents import stt
from livekit.agents.utils import http_context
from livekit.plugins import deepgram, openai

# Much more than a healthy server needs.
LIMIT_SECONDS = 120


def plugin(name, host, key, model):
    if name == "deepgram":
        return deepgram.STT(model=model, api_key=key, base_url=f"http://{host}/v1/listen")
    return openai.STT(model=model, api_key=key, base_url=f"http://{host}/v1", use_realtime=True)


async def push(stream, rate, audio):
    # 100 ms at a time.
    for at in range(0, len(audio), rate // 5):
        piece = audio[at : at + rate // 5]
        stream.push_frame(rtc.AudioFrame(piece, rate, 1, len(piece) // 2))
        await asyncio.sleep(0.01)
    stream.flush()


async def collect(stream, words):
    texts, kinds = [], []
    async for event in stream:
        kinds.append(event.type.value)
        if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            texts.append(event.alternatives[0].text)
        if len(" ".join(texts).split()) >= words:
            return {"texts": texts, "kinds": sorted(set(kinds))}
    raise RuntimeError(f"the stream ended: {texts}")


async def listen(name, host, key, model, path, words):
    with wave.open(path) as file:
        rate, audio = file.getframerate(), file.readframes(file.getnframes())
    # Silence, in which the end of the speech is found.
    audio += bytes(2 * 3 * rate)
    async with http_context.open():
        recognizer = plugin(name, host, key, model)
        stream = recognizer.stream()
        pushing = asyncio.create_task(push(stream, rate, audio))
        try:
            return await asyncio.wait_for(collect(stream, words), LIMIT_SECONDS)
        finally:
            pushing.cancel()
            await stream.aclose()
            await recognizer.aclose()


def main():
    name, host, key, model, path, words = sys.argv[1:]
    print(json.dumps(asyncio.run(listen(name, host, key, model, path, int(words)))))


if __name__ == "__main__":
    main()
