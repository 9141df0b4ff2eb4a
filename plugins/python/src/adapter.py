"""Calls the classes of an engine's author. Part of the plugin, which runs it as the module `_auricle`.

Every function that the plugin calls returns bytes (JSON), None, or an object of this module, and raises nothing: an
exception becomes the JSON object of an error, with `!` in front.
"""

import importlib.abc
import importlib.util
import json
import math
import sys
import traceback
import types


def error(message, field=None, trace=None):
    return b"!" + json.dumps({"message": message, "field": field, "trace": trace}).encode()


class Refused(Exception):
    """The preset cannot be used. `field` is the field that must be changed."""

    def __init__(self, field, problem):
        super().__init__(problem)
        self.field = field


def safe(function):
    """Returns exceptions as errors, those that end a program too."""

    def called(*args):
        try:
            return function(*args)
        except Refused as refused:
            return error(str(refused), refused.field)
        except BaseException as problem:
            # From the author's code on.
            frames = problem.__traceback__
            while frames and is_own(frames.tb_frame.f_code.co_filename):
                frames = frames.tb_next
            return error(short(problem), trace="".join(traceback.format_exception(type(problem), problem, frames)))

    return called


def is_own(file):
    """Whether a file is this one, or the one for stages, `_auricle_stages`."""
    return file.startswith(__file__)


def short(problem):
    """An exception in one line: its type, its message, and the line of the author's code."""
    try:
        text = " ".join(str(problem).split())[:300]
    except Exception:
        text = "(no message)"
    line = f"{type(problem).__name__}: {text}" if text else type(problem).__name__
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if not is_own(frame.filename)]
    if frames:
        line += f" ({frames[-1].filename.rpartition('/')[2]}, line {frames[-1].lineno})"
    return line


@safe
def start(protocols):
    """Once per process: what is printed goes to the log line by line, no bytecode is written, and the module with the
    protocols exists. NumPy must be there. Returns nothing."""
    sys.dont_write_bytecode = True
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        import numpy
    except ModuleNotFoundError as missing:
        if missing.name != "numpy":
            raise
        pip = f"{sys.executable} -m pip install numpy"
        raise Refused("venv", f"Python {sys.version.split()[0]} in {sys.prefix} has no NumPy; install it: {pip}") from None
    Stream.array = staticmethod(lambda samples: numpy.frombuffer(samples, dtype=numpy.float32))
    module = types.ModuleType("real_time_asr_backend.real_time_asr_protocols")
    exec(compile(protocols, "real_time_asr_protocols.py", "exec"), module.__dict__)
    Loader.config = staticmethod(module.ASRConfig)
    sys.meta_path.append(Provided(module))


class Provided(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the module with the protocols, and its package, if nothing else does."""

    def __init__(self, module):
        package = types.ModuleType(module.__name__.partition(".")[0])
        self.modules = {found.__name__: found for found in (package, module)}

    def find_spec(self, name, path=None, target=None):
        if name in self.modules:
            return importlib.util.spec_from_loader(name, self, is_package="." not in name)
        return None

    def create_module(self, spec):
        return self.modules[spec.name]

    def exec_module(self, module):
        pass


class Loader:
    """The author's loader class, made once per model."""

    def __init__(self, folders, module, name):
        for folder in reversed(folders):
            if folder not in sys.path:
                sys.path.insert(0, folder)
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as missing:
            if missing.name is None or not (module + ".").startswith(missing.name + "."):
                raise
            raise Refused("module", f"there is no module `{missing.name}` in {', '.join(sys.path)}") from None
        loader = getattr(found, name, None)
        if not isinstance(loader, type):
            classes = [key for key, value in vars(found).items() if isinstance(value, type)]
            raise Refused("loader", f"{found.__file__} has no class `{name}`; its classes are {', '.join(classes) or 'none'}")
        self.loader = loader()
        if not callable(getattr(self.loader, "load", None)):
            raise Refused("loader", f"the class `{name}` has no method `load`")
        self.batches = callable(getattr(self.loader, "process_batch", None))

    @safe
    def open(self, config):
        """A processor for one stream."""
        processor, metadata = self.made(config, "processor", ("init", "insert_audio_chunk", "process_iter", "finish"))
        return Stream(processor, metadata, self.batches)

    def made(self, config, what, methods):
        """What the author's loader makes for a stream, an object with these methods, and its metadata."""
        loaded = self.loader.load(self.config(**json.loads(config)))
        if not (isinstance(loaded, tuple) and len(loaded) == 2):
            raise TypeError(f"`load` returned {kind(loaded)}; it must return ({what}, metadata)")
        made, metadata = loaded
        for method in methods:
            if not callable(getattr(made, method, None)):
                raise TypeError(f"the {what}, {kind(made)}, has no method `{method}`")
        return made, dict(metadata or {})

    @safe
    def batch(self, *streams):
        """`process_iter` of several streams: a list with the results of each, or its error."""
        returned = self.loader.process_batch([stream.processor for stream in streams])
        if not isinstance(returned, (list, tuple)) or len(returned) != len(streams):
            raise TypeError(f"`process_batch` returned {kind(returned)}; it must return a list of {len(streams)} results")
        return b"[" + b",".join((item(each) or b"[]").removeprefix(b"!") for each in returned) + b"]"


@safe
def item(returned):
    """The results of a stream in a batch. An exception in place of results ends its stream only."""
    if isinstance(returned, BaseException):
        raise returned
    return results("process_batch", returned)


@safe
def loader(description):
    described = json.loads(description)
    return Loader(described["folders"], described["module"], described["loader"])


class Stream:
    """The author's processor of one stream."""

    def __init__(self, processor, metadata, batches):
        self.processor = processor
        self.metadata = metadata
        self.batches = batches

    @safe
    def describe(self):
        separator = self.metadata.get("separator", " ")
        if not isinstance(separator, str):
            raise TypeError(f"the metadata's `separator` is {kind(separator)}; it must be text")
        names = {key: [str(name) for name in self.metadata.get(key, [])] for key in ("languages", "capabilities")}
        restores = callable(getattr(self.processor, "restore", None))
        replay = self.metadata.get("replay", "lossless" if restores else "none")
        if replay not in (("lossless", "exact") if restores else ("none",)):
            needed = "a processor with `restore`: lossless or exact; without: none"
            raise ValueError(f"the metadata's `replay` is {replay!r}; it may be, for {needed}")
        return json.dumps({"separator": separator, "replay": replay, "max_batch": self.max_batch(), **names}).encode()

    def max_batch(self):
        """How many streams the loader processes at once."""
        if not self.batches:
            return 1
        number = self.metadata.get("max_batch", 8)
        if not isinstance(number, int) or not 1 <= number <= 1024:
            raise ValueError(f"the metadata's `max_batch` is {number!r}; it must be a whole number from 1 to 1024")
        return number

    @safe
    def init(self):
        self.processor.init()

    @safe
    def restore(self, time, state):
        self.processor.restore(float(time), state)

    @safe
    def insert(self, samples):
        self.processor.insert_audio_chunk(self.array(samples))

    @safe
    def process(self):
        return results("process_iter", self.processor.process_iter())

    @safe
    def finish(self):
        return results("finish", self.processor.finish())


NOTHING = (None, None, "")


def results(method, returned):
    """What a method returned, as JSON; None if it is empty."""
    if returned is None or returned == NOTHING:
        return None
    many = returned if isinstance(returned, list) else [returned]
    found = [result for result in (described(method, one) for one in many) if result]
    return json.dumps(found).encode() if found else None


def described(method, one):
    """A text or an event as a dictionary; None if it is a text and empty."""
    if (event := getattr(one, "event", None)) is not None:
        return described_event(method, event, one)
    found = described_text(method, one)
    return found if found["text"].strip() else None


def described_text(method, one):
    if hasattr(one, "text"):
        start, end, text = one.start, one.end, one.text
    elif isinstance(one, tuple) and len(one) == 3:
        start, end, text = one
    else:
        raise TypeError(f"`{method}` returned {kind(one)}; it must return (start, end, text), or (None, None, \"\")")
    if not isinstance(text, str):
        raise TypeError(f"the text that `{method}` returned is {kind(text)}; it must be text")
    found = {"start": seconds(method, start), "end": seconds(method, end), "text": text}
    if getattr(one, "partial", False):
        found["partial"] = True
    if (confidence := getattr(one, "confidence", None)) is not None:
        found["confidence"] = float(confidence)
    if (language := getattr(one, "language", None)) is not None:
        found["language"] = str(language)
    if extra := getattr(one, "extra", None):
        found["extra"] = dict(extra)
    found["words"] = [word(method, each) for each in getattr(one, "words", None) or []]
    return found


def described_event(method, event, one):
    if event not in ("speech_started", "endpoint", "restart_point"):
        raise ValueError(f"`{method}` returned the event {event!r}, which is unknown")
    found = {"event": event, "time": seconds(method, one.time)}
    if event == "restart_point":
        # As text in which each character is a byte.
        found["state"] = bytes(one.state).decode("latin-1")
    return found


def word(method, one):
    """A word. The names `word` and `probability` are those of Whisper's libraries."""
    text = one.text if hasattr(one, "text") else one.word
    confidence = getattr(one, "confidence", getattr(one, "probability", None))
    found = {"start": seconds(method, one.start), "end": seconds(method, one.end), "text": str(text)}
    if confidence is not None:
        found["confidence"] = float(confidence)
    if extra := getattr(one, "extra", None):
        found["extra"] = dict(extra)
    return found


def seconds(method, time):
    try:
        time = float(time)
    except (TypeError, ValueError):
        raise TypeError(f"a time that `{method}` returned with a text is {kind(time)}; it must be seconds") from None
    if not math.isfinite(time):
        raise ValueError(f"a time that `{method}` returned is {time}")
    return time


def kind(value):
    if value is None:
        return "None"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"of type `{type(value).__name__}`"
