#!/usr/bin/env python3
"""Transcribes a file with OpenAI's Python library in every form, and prints what the library returned as a JSON object.

    client.py URL KEY MODEL FILE
"""

import json
import sys

import openai


def refused(call):
    """The exception of a call: class, status, code, param."""
    try:
        call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code, error.param]
    return None


def main():
    url, key, model, path = sys.argv[1:]
    client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
    stranger = openai.OpenAI(base_url=url, api_key="unknown", max_retries=0)

    def create(client=client, name=model, file=path, **more):
        with open(file, "rb") as audio:
            return client.audio.transcriptions.create(file=audio, model=name, **more)

    def stream():
        with open(path, "rb") as audio:
            for event in client.audio.transcriptions.create(file=audio, model=model, stream=True):
                yield event.to_dict()

    both = ["word", "segment"]
    told = {
        "json": create().to_dict(),
        "text": create(response_format="text"),
        "srt": create(response_format="srt"),
        "vtt": create(response_format="vtt"),
        "verbose": create(response_format="verbose_json", timestamp_granularities=both, language="en").to_dict(),
        "logprobs": create(include=["logprobs"], temperature=0.2).to_dict(),
        "stream": list(stream()),
        "models": [each.id for each in client.models.list()],
        "model": client.models.retrieve(model).id,
        "refused": {
            "key": refused(lambda: create(client=stranger)),
            "model": refused(lambda: create(name="absent")),
            "retrieve": refused(lambda: client.models.retrieve("absent")),
            "file": refused(lambda: create(file=__file__)),
            "language": refused(lambda: create(language="de")),
            "diarized": refused(lambda: create(response_format="diarized_json")),
            "translation": refused(lambda: client.audio.translations.create(file=open(path, "rb"), model=model)),
        },
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
