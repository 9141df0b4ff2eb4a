#!/usr/bin/env python3
"""Sends a WAV file with the published client of PyPI `assemblyai` (`streaming.v3`); prints the events that it got as JSON.

    client.py HOST:PORT KEY WAV OPTIONS

OPTIONS are a JSON object with streaming parameters. KEY is sent in a header, or with `token:KEY` as a temporary token.
"""

import json
import sys
import wave

from assemblyai.streaming.v3 import (
    RealTimeEvents,
    RealTimeParameters,
    RealTimeSessionParameters,
    RealTimeTranscriber,
    RealTimeTranscriberOptions,
)

# Seconds; a model may have to be loaded first.
PATIENCE = 60


def main():
    host, key, path, options = sys.argv[1:]
    secret = {"token": key.removeprefix("token:")} if key.startswith("token:") else {"api_key": key}
    with wave.open(path) as audio:
        rate, data = audio.getframerate(), audio.readframes(audio.getnframes())
    events = []
    settings = RealTimeTranscriberOptions(
        api_host=f"ws://{host}", connect_timeout=PATIENCE, terminate_timeout=PATIENCE, max_connection_retries=0, **secret
    )
    client = RealTimeTranscriber(settings)
    for kind in RealTimeEvents:
        if kind is RealTimeEvents.Error:
            client.on(kind, lambda _, error: events.append({"type": "Error", "code": error.code, "error": str(error)}))
        else:
            client.on(kind, lambda _, event: events.append(event.model_dump(mode="json")))
    client.connect(RealTimeParameters(sample_rate=rate, **json.loads(options)))
    if not any(event["type"] == "Error" for event in events):
        client.keep_alive()
        client.set_params(RealTimeSessionParameters(max_turn_silence=20_000))
        half = len(data) // 4 * 2
        for part in data[:half], data[half:]:
            client.stream(part[at : at + 3200] for at in range(0, len(part), 3200))
            client.force_endpoint()
        client.disconnect(terminate=True)
    print(json.dumps(events))


if __name__ == "__main__":
    main()
