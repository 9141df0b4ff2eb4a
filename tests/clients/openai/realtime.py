#!/usr/bin/env python3
"""Streams a WAV file with OpenAI's Python library, and prints the events that it got as a JSON object: of a client that
commits, and of one that lets the server find the ends.

    realtime.py URL KEY MODEL FILE TURN_DETECTION
"""

import array
import base64
import json
import sys
import wave

import openai
from websockets.exceptions import InvalidStatus

RATE = 24_000
QUERY = {"intent": "transcription"}
TRANSCRIPTION = "conversation.item.input_audio_transcription."


def read(path):
    """The samples at 24 kHz, the only rate of OpenAI's service."""
    with wave.open(path) as file:
        rate, samples = file.getframerate(), array.array("h", file.readframes(file.getnframes()))
    made = array.array("h")
    for n in range(len(samples) * RATE // rate):
        place = n * rate / RATE
        at = int(place)
        following = samples[min(at + 1, len(samples) - 1)]
        made.append(round(samples[at] + (following - samples[at]) * (place - at)))
    return made.tobytes()


def append(connection, audio):
    for at in range(0, len(audio), 9_600):
        piece = base64.b64encode(audio[at : at + 9_600]).decode()
        connection.input_audio_buffer.append(audio=piece)


def until_complete(connection, events):
    """Commits, and reads until the text of the last item is there."""
    connection.input_audio_buffer.commit()
    # Its answer follows that of the commit.
    connection.input_audio_buffer.clear()
    last, is_cleared, complete = None, False, set()
    while not is_cleared or last not in complete:
        event = connection.recv().to_dict()
        events.append(event)
        match event["type"]:
            case "input_audio_buffer.committed":
                last = event["item_id"]
            case "input_audio_buffer.cleared":
                is_cleared = True
            case "error":
                raise RuntimeError(event)
        if event["type"] in (TRANSCRIPTION + "completed", TRANSCRIPTION + "failed"):
            complete.add(event["item_id"])


def session(model, turn_detection):
    audio = {
        "format": {"type": "audio/pcm", "rate": RATE},
        "transcription": {"model": model, "language": "en"},
        "turn_detection": turn_detection,
    }
    return {"type": "transcription", "audio": {"input": audio}}


def listen(client, model, audio, turn_detection, times):
    events = []
    with client.realtime.connect(extra_query=QUERY) as connection:
        connection.session.update(session=session(model, turn_detection))
        for _ in range(times):
            append(connection, audio)
            until_complete(connection, events)
    return events


def error(client):
    """The error for a commit without audio, which does not end the session."""
    with client.realtime.connect(extra_query=QUERY) as connection:
        connection.input_audio_buffer.commit(event_id="mine")
        connection.input_audio_buffer.clear()
        events = [connection.recv().to_dict() for _ in range(3)]
        assert events[2]["type"] == "input_audio_buffer.cleared", events
        return events[1]["error"]


def refused(client):
    try:
        with client.realtime.connect(extra_query=QUERY):
            return None
    except InvalidStatus as refusal:
        return refusal.response.status_code


def secrets(client):
    try:
        client.realtime.client_secrets.create(session={"type": "transcription"})
    except openai.APIStatusError as refusal:
        return [refusal.status_code, refusal.code]
    return None


def main():
    url, key, model, path, turn_detection = sys.argv[1:]
    client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
    stranger = openai.OpenAI(base_url=url, api_key="unknown", max_retries=0)
    audio = read(path)
    silence = bytes(2 * 3 * RATE)
    told = {
        "manual": listen(client, model, audio, None, 2),
        "server": listen(client, model, audio + silence, json.loads(turn_detection), 1),
        "error": error(client),
        "refused": refused(stranger),
        "secrets": secrets(client),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
