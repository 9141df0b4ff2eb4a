#!/usr/bin/env python3
"""Does with PyPI `wyoming` what Home Assistant does for speech recognition; prints JSON.

    client.py info URI                       asks for the models, as when the integration is set up
    client.py transcribe URI WAV [OPTIONS]   sends a command and waits for its transcript, on a connection of its own
    client.py stream URI WAV [OPTIONS]       reads while it sends, and until `transcript-stop`; twice on one connection

OPTIONS are a JSON object with arguments of `Transcribe`.
"""

import asyncio
import json
import sys
import wave

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop, wav_to_chunks
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong


async def info(uri):
    async with AsyncClient.from_uri(uri) as client:
        await client.write_event(Describe().event())
        while True:
            event = await client.read_event()
            assert event is not None, "no info"
            if Info.is_type(event.type):
                break
        await client.write_event(Ping(text="here").event())
        pong = await client.read_event()
        assert Pong.is_type(pong.type) and Pong.from_event(pong).text == "here", pong
    return Info.from_event(event).event().data


async def transcribe(uri, path, options):
    # As `homeassistant/components/wyoming/stt.py`.
    async with AsyncClient.from_uri(uri) as client:
        await client.write_event(Transcribe(**options).event())
        with wave.open(path) as audio:
            rate, width, channels = audio.getframerate(), audio.getsampwidth(), audio.getnchannels()
            await client.write_event(AudioStart(rate=rate, width=width, channels=channels).event())
            while data := audio.readframes(1024):
                await client.write_event(AudioChunk(rate=rate, width=width, channels=channels, audio=data).event())
        await client.write_event(AudioStop().event())
        while True:
            event = await client.read_event()
            if event is None:
                return {"text": None}
            if Error.is_type(event.type):
                error = Error.from_event(event)
                return {"code": error.code, "error": error.text}
            if Transcript.is_type(event.type):
                transcript = Transcript.from_event(event)
                return {"text": transcript.text, "language": transcript.language}


async def stream(uri, path, options):
    async with AsyncClient.from_uri(uri) as client:
        return [await one(client, path, options) for _ in range(2)]


async def one(client, path, options):
    kinds = [TranscriptStart, TranscriptChunk, Transcript, TranscriptStop]

    async def read():
        events = []
        while True:
            event = await client.read_event()
            assert event is not None and any(kind.is_type(event.type) for kind in kinds), event
            events.append({"type": event.type, **event.data})
            if TranscriptStop.is_type(event.type):
                return events

    reading = asyncio.create_task(read())
    await client.write_event(Transcribe(**options).event())
    with wave.open(path) as audio:
        for chunk in wav_to_chunks(audio, 1024, start_event=True, stop_event=True):
            await client.write_event(chunk.event())
            await asyncio.sleep(0)
    return await reading


def main():
    kind, uri, *rest = sys.argv[1:]
    if kind == "info":
        got = asyncio.run(info(uri))
    else:
        path, *options = rest
        run = {"transcribe": transcribe, "stream": stream}[kind]
        got = asyncio.run(run(uri, path, json.loads(options[0]) if options else {}))
    print(json.dumps(got))


if __name__ == "__main__":
    main()
