#!/usr/bin/env python3
"""Sends a WAV file with the published client of PyPI `deepgram-sdk`; prints the messages that it got as JSON.

    client.py waits HOST:PORT KEY WAV OPTIONS     waits for the server's close
    client.py leaves HOST:PORT KEY WAV OPTIONS    closes at once after `CloseStream`, as Pipecat does

OPTIONS are a JSON object with arguments of `connect`. If the handshake is refused, prints its status.
"""

import json
import sys
import threading
import wave

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from websockets.exceptions import InvalidStatus


def listen(leaves, host, key, path, options):
    web, socket = f"http://{host}", f"ws://{host}"
    environment = DeepgramClientEnvironment(base=web, production=socket, agent=socket, agent_rest=web)
    client = DeepgramClient(api_key=key, environment=environment)
    messages, errors = [], []
    with wave.open(path) as audio:
        rate, data = audio.getframerate(), audio.readframes(audio.getnframes())
    try:
        with client.listen.v1.connect(encoding="linear16", sample_rate=rate, **options) as connection:
            connection.on(EventType.MESSAGE, lambda message: messages.append(message.dict()))
            connection.on(EventType.ERROR, lambda error: errors.append(str(error)))
            listening = threading.Thread(target=connection.start_listening)
            listening.start()
            connection.send_keep_alive()
            half = len(data) // 4 * 2
            for part in data[:half], data[half:]:
                for at in range(0, len(part), 3200):
                    connection.send_media(part[at : at + 3200])
                connection.send_finalize()
            connection.send_close_stream()
            if not leaves:
                listening.join()
        listening.join()
    except ApiError as error:
        return {"status": error.status_code}
    except InvalidStatus as error:
        # The library lets it through.
        return {"status": error.response.status_code}
    return {"messages": messages, "errors": errors}


def main():
    how, host, key, path, options = sys.argv[1:]
    print(json.dumps(listen(how == "leaves", host, key, path, json.loads(options))))


if __name__ == "__main__":
    main()
