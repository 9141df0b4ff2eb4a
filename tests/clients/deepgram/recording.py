#!/usr/bin/env python3
"""Has a file transcribed with the published client of PyPI `deepgram-sdk`; prints the response as JSON.

    recording.py HOST:PORT KEY FILE OPTIONS

OPTIONS are a JSON object with arguments of `transcribe_file`, or with `url` of `transcribe_url`. If the request is refused,
prints its status and the error's fields.
"""

import json
import sys

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment


def main():
    host, key, path, options = sys.argv[1:]
    options = json.loads(options)
    web, socket = f"http://{host}", f"ws://{host}"
    environment = DeepgramClientEnvironment(base=web, production=socket, agent=socket, agent_rest=web)
    media = DeepgramClient(api_key=key, environment=environment).listen.v1.media
    once = {"max_retries": 0}
    try:
        if "url" in options:
            told = media.transcribe_url(request_options=once, **options)
        else:
            with open(path, "rb") as audio:
                told = media.transcribe_file(request=audio.read(), request_options=once, **options)
        print(told.json())
    except ApiError as error:
        body = error.body if isinstance(error.body, dict) else error.body.dict()
        print(json.dumps({"status": error.status_code, "error": body}))


if __name__ == "__main__":
    main()
