#!/usr/bin/env python3
"""Runs the published clients of PyPI `whisper-live` with a WAV file; prints what they got as JSON.

    client.py file PORT WAV [OPTIONS]        TranscriptionClient: as fast as it was spoken, then waits for 15 s
    client.py streaming PORT WAV [OPTIONS]   StreamingTranscriptionClient: at once, then waits for the server's close

OPTIONS are a JSON object with arguments of the client.
"""

import contextlib
import json
import os
import sys
import tempfile
import wave

from whisper_live.client import StreamingTranscriptionClient, TranscriptionClient


def file(port, path, options):
    with tempfile.TemporaryDirectory() as folder:
        # The client writes files of its own.
        os.chdir(folder)
        client = TranscriptionClient("127.0.0.1", port, mute_audio_playback=True, log_transcription=False, **options)
        text = client(path)
        with open("output.srt") as srt:
            return {"text": text, "segments": client.client.transcript, "srt": srt.read()}


def streaming(port, path, options):
    partials, committed = [], []
    client = StreamingTranscriptionClient(
        "127.0.0.1",
        port,
        on_partial_transcript=lambda text, _: partials.append(text),
        on_committed_transcript=lambda text, _: committed.append(text),
        **options,
    )
    with wave.open(path) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (16000, 1, 2)
        data = audio.readframes(audio.getnframes())
    with client:
        for at in range(0, len(data), 6400):
            client.send(data[at : at + 6400], pcm_format="int16")
    return {"committed": committed, "partials": partials, "segments": client.transcript}


def main():
    kind, port, path, *options = sys.argv[1:]
    run = {"file": file, "streaming": streaming}[kind]
    # The clients print, too.
    with contextlib.redirect_stdout(sys.stderr):
        got = run(int(port), os.path.abspath(path), json.loads(options[0]) if options else {})
    print(json.dumps(got))


if __name__ == "__main__":
    main()
