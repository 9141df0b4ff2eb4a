#!/usr/bin/env python3
"""Does what sherpa-onnx's sample clients in Python do with WAV files; prints each result as it is on the wire.

    client.py online [--samples N] [--seconds S] URL WAV
    client.py offline URL WAV...

`online` sends a message of N samples every S seconds, then `Done`, and reads until `Done!`. `offline` sends one recording after
another on one connection, each with its header and in messages of 10,240 bytes, and reads a result for each.
"""

import argparse
import array
import asyncio
import wave

import websockets

MESSAGE_BYTES = 10240


def read(path):
    """The sample rate, and the samples as floats."""
    with wave.open(path) as audio:
        assert (audio.getnchannels(), audio.getsampwidth()) == (1, 2)
        samples = array.array("h", audio.readframes(audio.getnframes()))
        return audio.getframerate(), array.array("f", (sample / 32768 for sample in samples))


async def online(args):
    rate, samples = read(args.wav[0])
    assert rate == 16000, rate

    async def results(socket):
        last = ""
        async for message in socket:
            if message == "Done!":
                return last
            last = message
            print(message, flush=True)

    async with websockets.connect(args.url) as socket:
        reading = asyncio.create_task(results(socket))
        for start in range(0, len(samples), args.samples):
            await socket.send(samples[start : start + args.samples].tobytes())
            await asyncio.sleep(args.seconds)
        await socket.send("Done")
        last = await reading
    assert last, "no result"


async def offline(args):
    async with websockets.connect(args.url) as socket:
        for path in args.wav:
            rate, samples = read(path)
            audio = rate.to_bytes(4, "little") + (4 * len(samples)).to_bytes(4, "little") + samples.tobytes()
            for start in range(0, len(audio), MESSAGE_BYTES):
                await socket.send(audio[start : start + MESSAGE_BYTES])
            print(await socket.recv(), flush=True)
        await socket.send("Done")


def main():
    parser = argparse.ArgumentParser(description="Does what sherpa-onnx's sample clients do with WAV files.")
    parser.add_argument("mode", choices=["online", "offline"])
    parser.add_argument("url")
    parser.add_argument("wav", nargs="+")
    parser.add_argument("--samples", type=int, default=8000, help="in a message")
    parser.add_argument("--seconds", type=float, default=0.1, help="between two messages")
    args = parser.parse_args()
    asyncio.run(online(args) if args.mode == "online" else offline(args))


if __name__ == "__main__":
    main()
