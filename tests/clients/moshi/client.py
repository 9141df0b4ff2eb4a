#!/usr/bin/env python3
"""Does what the published script of moshi's makers does (`stt_from_file_rust_server.py`), with `msgpack` and `websockets`; prints the
words that it got as JSON: text, start and end in seconds.

    client.py URL KEY WAV

The recording is at 8, 16 or 24 kHz; each sample is sent as often as 24 kHz need. A second of silence comes first, then the
recording, five seconds of silence, a marker, and more silence until the marker is back.
"""

import array
import asyncio
import json
import sys
import wave

import msgpack
import websockets

RATE, FRAME = 24_000, 1920


def read(path):
    with wave.open(path) as audio:
        rate, samples = audio.getframerate(), array.array("h", audio.readframes(audio.getnframes()))
    return [samples[n * rate // RATE] / 32768 for n in range(len(samples) * RATE // rate)]


async def send(socket, samples):
    async def audio(pcm):
        await socket.send(msgpack.packb({"type": "Audio", "pcm": pcm}, use_single_float=True))

    silence = [0.0] * RATE
    await audio(silence)
    for at in range(0, len(samples), FRAME):
        await audio(samples[at : at + FRAME])
    for _ in range(5):
        await audio(silence)
    await socket.send(msgpack.packb({"type": "Marker", "id": 0}, use_single_float=True))
    for _ in range(35):
        await audio(silence)


async def receive(socket):
    words = []
    async for message in socket:
        data = msgpack.unpackb(message, raw=False)
        if data["type"] == "Word":
            words.append([data["text"], data["start_time"], None])
        elif data["type"] == "EndWord":
            words[-1][2] = data["stop_time"]
        elif data["type"] == "Error":
            raise RuntimeError(data["message"])
        elif data["type"] == "Marker":
            break
    return words


async def main():
    url, key, path = sys.argv[1:]
    async with websockets.connect(url, additional_headers={"kyutai-api-key": key}) as socket:
        _, words = await asyncio.gather(send(socket, read(path)), receive(socket))
    print(json.dumps(words))


asyncio.run(main())
