#!/usr/bin/env python3
"""Does what vosk-server's sample clients do with a WAV file; prints each answer as a line of JSON.

    client.py [--library LIBRARY] [--config JSON | --no-config] [--seconds N] [--stream | --srt] URL WAV

In lock-step unless told otherwise: a message of audio, its answer, the next. `--stream` sends everything without waiting and
reads until the server closes. Ends with status 1 where an answer is missing.
"""

import argparse
import asyncio
import datetime
import json
import wave

END = '{"eof" : 1}'
WORDS_PER_LINE = 7


def pieces(args):
    """The messages of audio, and the config that goes before them."""
    with wave.open(args.wav) as audio:
        rate = audio.getframerate()
        data = audio.readframes(audio.getnframes())
    size = 2 * int(rate * args.seconds)
    config = json.dumps({"config": {"sample_rate": rate, **json.loads(args.config)}})
    return None if args.no_config else config, [data[at : at + size] for at in range(0, len(data), size)]


async def lockstep(args):
    import websockets

    config, audio = pieces(args)
    answers = []
    async with websockets.connect(args.url) as socket:
        if config:
            await socket.send(config)
        for message in [*audio, END]:
            await socket.send(message)
            answers.append(await socket.recv())
    return answers


async def stream(args):
    import websockets

    config, audio = pieces(args)
    async with websockets.connect(args.url) as socket:

        async def speak():
            if config:
                await socket.send(config)
            for message in [*audio, END]:
                await socket.send(message)

        speaking = asyncio.create_task(speak())
        # Ends when the server has closed with 1000.
        answers = [answer async for answer in socket]
        await speaking
    return answers


def blocking(args):
    """As the sample that uses `websocket-client`."""
    import websocket

    config, audio = pieces(args)
    socket = websocket.create_connection(args.url)
    if config:
        socket.send(config)
    answers = []
    for message in audio:
        socket.send_binary(message)
        answers.append(socket.recv())
    socket.send(END)
    answers.append(socket.recv())
    return answers


def subtitles(answers):
    import srt

    lines = []
    for words in (json.loads(answer).get("result", []) for answer in answers):
        for at in range(0, len(words), WORDS_PER_LINE):
            line = words[at : at + WORDS_PER_LINE]
            start, end = (datetime.timedelta(seconds=s) for s in (line[0]["start"], line[-1]["end"]))
            lines.append(srt.Subtitle(len(lines), start, end, " ".join(word["word"] for word in line)))
    return srt.compose(lines)


def main():
    parser = argparse.ArgumentParser(description="Does what vosk-server's sample clients do with a WAV file.")
    parser.add_argument("url")
    parser.add_argument("wav")
    parser.add_argument("--library", choices=["websockets", "websocket-client"], default="websockets")
    parser.add_argument("--config", default="{}", metavar="JSON", help="further keys of `config`")
    parser.add_argument("--no-config", action="store_true", help="send none: the server takes its default rate")
    parser.add_argument("--seconds", type=float, default=0.2, help="audio in a message")
    parser.add_argument("--stream", action="store_true", help="send without waiting for answers")
    parser.add_argument("--srt", action="store_true", help="print subtitles")
    args = parser.parse_args()
    if args.library == "websocket-client":
        answers = blocking(args)
    else:
        answers = asyncio.run(stream(args) if args.stream else lockstep(args))
    if args.srt:
        print(subtitles(answers), end="")
    else:
        for answer in answers:
            print(json.dumps(json.loads(answer)))


if __name__ == "__main__":
    main()
