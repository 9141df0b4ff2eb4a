#!/usr/bin/env python3
"""Sends a WAV file with the published client of PyPI `deepgram-sdk` for conversations (`listen.v2`); prints the messages that it got
as JSON.

    flux.py waits HOST:PORT KEY WAV OPTIONS

OPTIONS are a JSON object with arguments of `connect`, and the thresholds of a `Configure` under `configure`. If the handshake is refused, prints its status.
"""

import json
import sys
import threading
import wave

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v2.types import ListenV2Configure, ListenV2ConfigureThresholds
from websockets.exceptions import InvalidStatus


def listen(host, key, path, options):
    web, socket = f"http://{host}", f"ws://{host}"
    environment = DeepgramClientEnvironment(base=web, production=socket, agent=socket, agent_rest=web)
    client = DeepgramClient(api_key=key, environment=environment)
    messages, errors = [], []
    thresholds = options.pop("configure")
    with wave.open(path) as audio:
        rate, data = audio.getframerate(), audio.readframes(audio.getnframes())
    try:
        with client.listen.v2.connect(encoding="linear16", sample_rate=rate, **options) as connection:
            connection.on(EventType.MESSAGE, lambda message: messages.append(message.dict()))
            connection.on(EventType.ERROR, lambda error: errors.append(str(error)))
            listening = threading.Thread(target=connection.start_listening)
            listening.start()
            connection.send_configure(ListenV2Configure(thresholds=ListenV2ConfigureThresholds(**thresholds)))
            for at in range(0, len(data), 3200):
                connection.send_media(data[at : at + 3200])
            connection.send_force_end_turn()
            connection.send_close_stream()
            listening.join()
    except ApiError as error:
        return {"status": error.status_code}
    except InvalidStatus as error:
        # The library lets it through.
        return {"status": error.response.status_code}
    return {"messages": messages, "errors": errors}


def main():
    _, host, key, path, options = sys.argv[1:]
    print(json.dumps(listen(host, key, path, json.loads(options))))


if __name__ == "__main__":
    main()
