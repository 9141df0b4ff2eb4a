"""Stages for the tests: one that marks and withholds texts, one that finds turns, and faults."""

import json
import os
import sys
from types import SimpleNamespace

import numpy as np


class Holding:
    """Adds to each text how loud its second was, and holds it back until the next one."""

    def __init__(self, options):
        self.options = options
        self.seen = 0

    def init(self, time):
        self.levels, self.rest, self.first = [], np.zeros(0, dtype=np.float32), time
        self.held = None

    def audio(self, samples):
        assert samples.dtype == np.float32 and samples.ndim == 1
        heard = np.concatenate([self.rest, samples])
        whole = len(heard) // 16_000 * 16_000
        for second in heard[:whole].reshape(-1, 16_000):
            self.levels.append(float(np.abs(second).max()))
        self.rest = heard[whole:]

    def event(self, event):
        if event.event != "segment":
            return event
        self.seen += 1
        if self.seen == self.options.get("at", 2):
            self.fail(self.options.get("fault"))
        second = round(event.start - self.first)
        event.extra["loudest"] = round(self.levels[second], 3)
        ready, self.held = self.held, event
        return ready

    def finish(self):
        return self.held

    def save(self):
        held = self.held and {**vars(self.held), "words": []}
        state = {"levels": self.levels, "first": self.first, "rest": self.rest.tolist(), "held": held}
        return json.dumps(state).encode()

    def restore(self, time, state):
        state = json.loads(state)
        self.levels, self.first = state["levels"], state["first"]
        self.rest = np.array(state["rest"], dtype=np.float32)
        self.held = state["held"] and SimpleNamespace(**state["held"])

    def fail(self, fault):
        if fault == "exception":
            raise KeyError("the exception asked for")
        if fault == "exit":
            sys.exit("the exit asked for")
        if fault == "nonsense":
            self.event = lambda event: 7
            return
        if fault == "os-exit":
            os._exit(3)


class HoldingLoader:
    def load(self, config):
        return Holding(getattr(config, "options", {})), {"changes_text": True}


class Turns:
    """A turn for each text, and one that clients end. Reports which modules of the tests the process has."""

    def init(self, time):
        self.time = time

    def audio(self, samples):
        self.time += len(samples) / 16_000

    def event(self, event):
        turn = lambda time, change, **more: SimpleNamespace(event="turn", time=time, change=change, **more)
        if event.event != "segment":
            return event
        event.extra["engine"] = "test_engines" in sys.modules
        return [
            turn(event.start, "started"),
            event,
            turn(event.end, "ended", trigger="model", confidence=0.5),
        ]

    def end_turn(self):
        print("the client ends a turn")


class TurnsLoader:
    def load(self, config):
        return Turns(), {"capabilities": ["turns"]}


class PassingLoader:
    """A stage that only has what it must have."""

    def load(self, config):
        return SimpleNamespace(init=lambda time: None), {}


class NoInitLoader:
    def load(self, config):
        return object(), {}


class OtherRateLoader:
    def load(self, config):
        return Turns(), {"sample_rate": 8_000}
