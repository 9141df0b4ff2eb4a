"""Starts one of the servers that `cargo xtask bench live` compares with.

    serve.py NAME FOLDER PORT [SETTING...]

NAME is `whisper-live`, `whisper-live-kit` or `agreement`; FOLDER is what prepare.py made. The settings are the server's own.
"""

from pathlib import Path
import runpy
import sys

from environment import enter


def main() -> None:
    """Serves until it is killed."""
    enter()
    name, folder, port, *settings = sys.argv[1:]
    {"whisper-live": whisper_live, "whisper-live-kit": whisper_live_kit, "agreement": agreement}[name](
        Path(folder), int(port), settings
    )


def whisper_live(folder: Path, port: int, settings: list[str]) -> None:
    """WhisperLive. Its limits on connections are lifted; `batch`: streams are decoded together."""
    from whisper_live.server import TranscriptionServer

    TranscriptionServer().run(
        "127.0.0.1", port, backend="faster_whisper", faster_whisper_custom_model_path=str(folder / "ctranslate2"),
        single_model=True, max_clients=1000, max_connection_time=3600, cache_path=str(folder / "cache"),
        batch_enabled="batch" in settings, batch_max_queue_wait_s=1e6, batch_max_admissions_per_s=1e6,
    )  # fmt: skip


def whisper_live_kit(folder: Path, port: int, settings: list[str]) -> None:
    """WhisperLiveKit, with either of its policies."""
    heads = (folder / "alignment-heads.txt").read_text()
    simultaneous = "simulstreaming" in settings
    models = ["--model-path", str(folder / "tiny.en.pt"), "--encoder-model-path", str(folder / "ctranslate2")]
    sys.argv = ["whisperlivekit-server", "--host", "127.0.0.1", "--port", str(port), "--pcm-input", "--lan", "en"]
    sys.argv += ["--model", "tiny.en", "--warmup-file", "", "-l", "ERROR", "--backend", "faster-whisper", "--backend-policy", *settings]
    sys.argv += [*models, f"--custom-alignment-heads={heads}"] if simultaneous else ["--model_dir", str(folder / "ctranslate2")]
    runpy.run_module("whisperlivekit.basic_server", run_name="__main__")


def agreement(folder: Path, port: int, settings: list[str]) -> None:
    """whisper_streaming's policy over faster-whisper; the settings are the chunk in seconds, and Silero's file."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "whisper"))
    from agreement_server import serve

    serve(folder / "ctranslate2", Path(settings[1]), port, float(settings[0]))


if __name__ == "__main__":
    main()
