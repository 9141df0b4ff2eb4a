"""The published `vosk-transcriber`, with two things put in from outside: where its server is, and no model.

    transcriber.py URL -s ...

It knows one server, `ws://localhost:2700`, and loads a model even where that server recognises.
"""

import sys

from vosk.transcriber import cli, transcriber

server = next(action for action in cli.parser._actions if action.dest == "server")
server.const = sys.argv.pop(1)
transcriber.Model = lambda **_: None
cli.main()
