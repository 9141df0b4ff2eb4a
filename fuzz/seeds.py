#!/usr/bin/env python3
"""Writes the seeds: small inputs of each target to start from, under `seeds/TARGET/`.

    fuzz/seeds.py

Texts and recordings are those of the repository or short ones like them; messages and restart states are written here as
postcard writes them; plugin files are linked by the linker that comes with Rust, for three systems, from one symbol.
Needs python3 and rustc on Linux. The files come out the same each time, but for the linker's version.
"""

import hashlib
import io
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
SEEDS = HERE / "seeds"
TARGETS = {
    "x86_64-unknown-linux-gnu": ["gnu", "-shared", "--nmagic", "-s", "-o"],
    "x86_64-pc-windows-msvc": ["link", "/dll", "/noentry", "/Brepro", "/export:AURICLE_PLUGIN_MANIFEST,DATA", "/out:"],
    "aarch64-apple-darwin": ["darwin", "-dylib", "-arch", "arm64", "-platform_version", "macos", "11.0", "11.0", "-o"],
}
# A library without the standard library, which is not there for other systems.
BARE = """
#![feature(no_core, lang_items, auto_traits)]
#![allow(internal_features)]
#![no_core]
#![crate_type = "lib"]
#[lang = "pointee_sized"] pub trait PointeeSized {}
#[lang = "meta_sized"] pub trait MetaSized: PointeeSized {}
#[lang = "sized"] pub trait Sized: MetaSized {}
#[lang = "sync"] pub unsafe auto trait Sync {}
#[lang = "freeze"] unsafe auto trait Freeze {}
#[lang = "drop_in_place"] fn drop<T: PointeeSized>(_: *mut T) {}
#[no_mangle] pub static NAME: [u8; LENGTH] = [BYTES];
"""


def seed(target: str, name: str, content: bytes | str) -> None:
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def string(value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return number(len(content)) + content


def sequence(*items: bytes) -> bytes:
    return number(len(items)) + b"".join(items)


def some(value: bytes) -> bytes:
    return b"\1" + value


NONE = b"\0"


def messages() -> None:
    start = '{"type":"start","preset":"digits","options":{"lan":"en","beam":0.1,"list":[1,null,true]},"format":"f32le",'
    start += '"sample_rate":48000,"channels":2,"channel":1,"pace":"file"}'
    told = '{"start":0.48,"end":1.2,"text":"seven","confidence":0.93,"language":"en","words":[{"start":0.48,"end":1.2,'
    told += '"text":"seven","confidence":0.5}],"extra":{"tokens":[["\\u2581se",1]]}'
    for name, message in {
        "start": start,
        "start-short": '{"type":"start","preset":"x"}',
        "flush": '{"type":"flush"}',
        "finish": '{"type":"finish"}',
        "reset": '{"type": "reset"}',
        "partial": '{"seq":1,"type":"partial",' + told[1:] + "}",
        "segment": '{"seq":2,"type":"segment",' + told[1:] + "}",
        "lag": '{"seq":3,"type":"lag","seconds":1.5}',
        "flushed": '{"seq":4,"type":"flushed","sample":16000}',
        "error": '{"seq":5,"type":"error","code":"bad_message","message":"what was wrong"}',
    }.items():
        seed("client_messages", name, message)


def dialects() -> None:
    words = '[{"conf" : 1.000000, "end" : 0.9, "start" : 0.09, "word" : "one"}]'
    for name, message in {
        "config": '{ "config" : { "sample_rate" : 16000.000000 } }',
        "config-all": '{"config": {"sample_rate": "8000", "words": 0, "max_alternatives": 20, "model": "small",'
        ' "phrase_list": ["zero one two", "[unk]"], "more": null}}',
        "config-odd": '{"config": {"sample_rate": true, "words": "", "max_alternatives": -1.5, "phrase_list": null}}',
        "eof": '{"eof" : 1}',
        "reset": '{"reset":1}',
        "partial": '{ "partial" : "on" }',
        "final": '{"result" : ' + words + ', "text" : "one", "spk" : [0.5]}',
        "empty": '{"text": ""}',
        "alternatives": '{"alternatives" : [{"confidence" : 211.4, "result" : ' + words + ', "text" : "one"}] }',
        "error": '{"code" : "bad_message", "error" : "what was wrong"}',
    }.items():
        seed("vosk_messages", name, message)
    header = struct.pack("<ii", 16000, 12)
    for name, message in {
        "step": '{ "text": "one", "tokens": [" one"], "timestamps": [0.44], "ys_probs": [-0.25], "lm_probs": [],'
        ' "context_scores": [], "segment": 1, "words": [], "num_trailing_blanks": 4, "start_time": 2.56,'
        ' "is_final": true, "is_eof": false}',
        "step-short": '{"text": "one", "segment": 0}',
        "file": '{"lang": "en", "emotion": "", "event": "", "text": "one", "timestamps": [0.44], "durations": [0.20],'
        ' "tokens":[" one"], "ys_log_probs": [-0.250000], "words": []}',
        "recording": b"\x08" + header + bytes(12),
        "recordings": b"\x14" + (header + bytes(12)) * 2,
        "too-many": b"\xff" + header + bytes(13),
        "too-short": b"\x04" + header,
    }.items():
        seed("sherpa_messages", name, message)
    segment = '{"start":"0.000","end":"2.500","text":" one","completed":true,"words":[{"word":" one","start":"0.100",'
    segment += '"end":"0.500","probability":0.95}]}'
    for name, message in {
        "options": '{"uid": "u", "language": null, "task": "transcribe", "model": "small", "use_vad": true,'
        ' "send_last_n_segments": 10, "no_speech_thresh": 0.45, "clip_audio": false, "same_output_threshold": 10,'
        ' "enable_translation": false, "target_language": "fr", "hotwords": null, "enable_diarization": false,'
        ' "max_speakers": 10, "known_speakers": [], "word_timestamps": false, "initial_prompt": null,'
        ' "vad_parameters": null}',
        "options-all": '{"uid": 1, "language": "de", "task": "translate", "model": "tiny.en", "use_vad": false,'
        ' "audio_format": "uint8", "hotwords": "one, two", "initial_prompt": "three", "word_timestamps": true,'
        ' "vad_parameters": {"threshold": 0.2}, "send_last_n_segments": 0}',
        "diarization": '{"uid": "u", "enable_diarization": true, "known_speakers": [{"name": "a", "audio_base64": ""}]}',
        "ready": '{"uid":"u","message":"SERVER_READY","backend":"faster_whisper"}',
        "wait": '{"uid":"u","status":"WAIT","message":2.3}',
        "language": '{"uid":"u","language":"en","language_prob":0.98}',
        "segments": '{"uid":"u","segments":[' + segment + "]}",
    }.items():
        seed("whisper_live_messages", name, message)
    line = '{"speaker":1,"text":"one","start":"0:00:00.00","end":"0:00:01.00","detected_language":"en"}'
    for name, message in {
        "query": "language=de&mode=diff&target_language=&token=k",
        "config": '{"type":"config","useAudioWorklet":true,"mode":"full"}',
        "full": '{"lines":[' + line + '],"status":"active_transcription","buffer_transcription":"two"}',
        "diff": '{"type":"diff","seq":2,"n_lines":1,"lines_pruned":1,"new_lines":[' + line + '],"status":"no_audio_detected"}',
        "end": '{"type":"ready_to_stop"}',
        "error": '{"type":"error","error":"no such language"}',
    }.items():
        seed("whisper_live_kit_messages", name, message)
    results = (
        '{"type":"Results","channel_index":[0,1],"duration":1.5,"start":0.0,"is_final":true,"speech_final":true,'
        '"channel":{"alternatives":[{"transcript":"One.","confidence":0.98,"languages":["en"],"words":['
        '{"word":"one","start":0.1,"end":0.5,"confidence":0.98,"punctuated_word":"One."}]}]},'
        '"metadata":{"request_id":"r","model_info":{"name":"n","version":"","arch":"a"},"model_uuid":""},'
        '"from_finalize":false}'
    )
    for name, message in {
        "query": "channels=1&encoding=linear16&endpointing=300&interim_results=true&keyterm=foo+bar&keyterm=b%C3%A4r"
        "&language=en&model=nova-3&punctuate=true&sample_rate=16000&smart_format=false&utterance_end_ms=1000"
        "&vad_events=True",
        "query-words": "encoding=mulaw&sample_rate=8000&channels=2&keywords=one:2&keywords=two:-1&multichannel=false",
        "query-refused": "encoding=linear16&sample_rate=16000&redact=pci&diarize=true",
        "keep-alive": '{"type":"KeepAlive"}',
        "finalize": '{"type":"Finalize","channel":0}',
        "close-stream": '{"type":"CloseStream"}',
        "configure": '{"type":"Configure","keyterms":["one"],"features":{"numerals":true}}',
        "results": results,
        "started": '{"type":"SpeechStarted","channel":[0,1],"timestamp":1.25}',
        "utterance-end": '{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.5}',
        "metadata": '{"type":"Metadata","transaction_key":"deprecated","request_id":"r","sha256":"00","created":'
        '"2026-01-01T00:00:00.000Z","duration":1.5,"channels":1,"warnings":[{"parameter":"punctuate","type":'
        '"unsupported_model","message":"m"}]}',
        "error": '{"type":"Error","variant":"SchemaError","description":"d"}',
    }.items():
        seed("deepgram_messages", name, message)
    word = '{"word":"One.","confidence":0.5,"start":0.5,"end":1.25}'
    for name, message in {
        "query": "model=flux-general-en&encoding=linear16&sample_rate=16000&eot_threshold=0.7&eot_timeout_ms=6000"
        "&keyterm=foo+bar&language_hint=en&numerals=true&tag=a",
        "query-refused": "eager_eot_threshold=0.4&redact=numbers&language_hint=en&language_hint=de",
        "force-end-turn": '{"type":"ForceEndTurn"}',
        "close-stream": '{"type":"CloseStream"}',
        "configure": '{"type":"Configure","thresholds":{"eager_eot_threshold":0.4,"eot_threshold":0.8,"eot_timeout_ms":900},'
        '"keyterms":"one","language_hints":["en"],"numerals":true}',
        "connected": '{"type":"Connected","request_id":"r","sequence_id":0}',
        "turn": '{"type":"TurnInfo","event":"EndOfTurn","turn_index":1,"audio_window_start":0.5,"audio_window_end":1.25,'
        '"transcript":"One.","words":[' + word + '],"end_of_turn_confidence":1.0,"trigger":"timeout","languages":["en"],'
        '"request_id":"r","sequence_id":3}',
        "success": '{"type":"ConfigureSuccess","thresholds":{"eot_timeout_ms":900},"keyterms":["one"],"language_hints":[],'
        '"request_id":"r","sequence_id":1}',
        "error": '{"type":"Error","code":"INVALID_OPTION","description":"d","request_id":"r","sequence_id":1}',
    }.items():
        seed("flux_messages", name, message)
    word = '{"start":500,"end":1250,"confidence":0.5,"text":"One.","word_is_final":true}'
    for name, message in {
        "query": "sample_rate=16000&encoding=pcm_mulaw&speech_model=universal-streaming-english&format_turns=True"
        "&keyterms_prompt=%5B%22foo+bar%22%5D&language_codes=%5B%22en%22%5D&max_turn_silence=900&min_turn_silence=160",
        "query-file": "encoding=ogg_opus&language_detection=true&include_partial_turns=false&prompt=one",
        "query-refused": "sample_rate=16000&speaker_labels=true&redact_pii=true",
        "keep-alive": '{"type":"KeepAlive"}',
        "force-endpoint": '{"type":"ForceEndpoint"}',
        "terminate": '{"type":"Terminate"}',
        "update": '{"type":"UpdateConfiguration","max_turn_silence":900,"format_turns":true,"vad_threshold":0.5}',
        "update-refused": '{"type":"UpdateConfiguration","keyterms_prompt":["one"],"prompt":"p","language_codes":["en"],'
        '"filter_profanity":true}',
        "begin": '{"type":"Begin","id":"i","expires_at":1700000000,"configuration":{"model":"p"}}',
        "started": '{"type":"SpeechStarted","timestamp":500}',
        "turn": '{"type":"Turn","turn_order":1,"turn_is_formatted":true,"end_of_turn":true,"transcript":"One.",'
        '"end_of_turn_confidence":1.0,"words":[' + word + '],"language_code":"en"}',
        "termination": '{"type":"Termination","audio_duration_seconds":3,"session_duration_seconds":4}',
        "warning": '{"type":"Warning","warning_code":3000,"warning":"w"}',
        "error": '{"type":"Error","error_code":3006,"error":"e"}',
    }.items():
        seed("assembly_ai_messages", name, message)
    for name, message in {
        "init": b"\x81\xa4type\xa4Init",
        "audio": b"\x82\xa4type\xa5Audio\xa3pcm\x93\xca" + struct.pack(">f", 0.5) + b"\xcb" + struct.pack(">d", -1.0) + b"\x00",
        "ogg": b"\x82\xa4type\xa7OggOpus\xa4data\xc4\x04OggS",
        "ogg-list": b"\x82\xa4data\x92\x01\xcc\xff\xa4type\xa7OggOpus",
        "marker": b"\x82\xa4type\xa6Marker\xa2id\xd0\xfd",
        "end": b"\x81\xa4type\xa3End",
        "ready": b"\x81\xa4type\xa5Ready",
        "word": b"\x83\xa4type\xa4Word\xa4text\xa3one\xaastart_time\xcb" + struct.pack(">d", 0.5),
        "end-word": b"\x82\xa4type\xa7EndWord\xa9stop_time\xcb" + struct.pack(">d", 1.5),
        "step": b"\x84\xa4type\xa4Step\xa8step_idx\x02\xa3prs\x94" + (b"\xca" + struct.pack(">f", 1.0)) * 4 + b"\xacbuffered_pcm\x00",
        "error": b"\x82\xa4type\xa5Error\xa7message\xa1m",
    }.items():
        seed("moshi_messages", name, message)
    for name, message in {
        "connected": '{"event":"connected","protocol":"Call","version":"1.0.0"}',
        "start": '{"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ1","tracks":["inbound"],"mediaFormat":'
        '{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"preset":"p"}},"streamSid":"MZ1"}',
        "start-short": '{"event":"start","websocket_id":"w"}',
        "start-refused": '{"event":"start","streamSid":"MZ1","start":{"mediaFormat":{"encoding":"audio/opus","sampleRate":1}}}',
        "media": '{"event":"media","media":{"track":"inbound","chunk":"1","payload":"AAEC"},"streamSid":"MZ1"}',
        "media-outbound": '{"event":"media","media":{"track":"outbound","payload":"AAEC"}}',
        "media-refused": '{"event":"media","media":{"payload":"A!"}}',
        "stop": '{"event":"stop","stop":{"callSid":"CA1"},"streamSid":"MZ1"}',
        "ping": '{"event":"ping"}',
    }.items():
        seed("telephone_messages", name, message)
    transcription = '"transcription":{"model":"gpt-transcribe","language":"en","prompt":"p","keywords":["one"],"delay":"low"}'
    turns = '"turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":200}'
    for name, message in {
        "update": '{"type":"session.update","event_id":"e","session":{"type":"transcription","audio":{"input":{"format":'
        '{"type":"audio/pcm","rate":24000},"noise_reduction":{"type":"near_field"},' + transcription + "," + turns + "}},"
        '"include":["item.input_audio_transcription.logprobs"]}}',
        "update-short": '{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/pcmu"},'
        '"transcription":{"model":"m","languages":["de"]},"turn_detection":{"type":"semantic_vad","eagerness":"low"}}}}}',
        "update-null": '{"type":"session.update","session":{"audio":{"input":{"format":null,"transcription":null,'
        '"turn_detection":null,"noise_reduction":null}},"include":null}}',
        "update-beta": '{"type":"transcription_session.update","session":{"input_audio_format":"g711_alaw",'
        '"input_audio_transcription":{"model":"whisper-1","language":""},"turn_detection":null,'
        '"input_audio_noise_reduction":null,"include":[]}}',
        "update-refused": '{"type":"session.update","session":{"type":"realtime","voice":"alloy"}}',
        "append": '{"type":"input_audio_buffer.append","audio":"AAEC/w=="}',
        "append-bare": '{"type":"input_audio_buffer.append","audio":"AAEC\\/w"}',
        "append-refused": '{"type":"input_audio_buffer.append","audio":"AA-_"}',
        "commit": '{"type":"input_audio_buffer.commit"}',
        "clear": '{"type":"input_audio_buffer.clear","event_id":null}',
        "other": '{"type":"response.create"}',
    }.items():
        seed("realtime_messages", name, message)

    # Protobuf: the key of a field is its number and its type.
    def field(number: int, value: "int | str | bytes") -> bytes:
        kind, whole = (0, b"") if isinstance(value, int) else (2, value.encode() if isinstance(value, str) else value)
        rest = varint(value) if kind == 0 else varint(len(whole)) + whole
        return varint(number << 3 | kind) + rest

    def varint(number: int) -> bytes:
        low = number & 127
        return bytes([low | 128]) + varint(number >> 7) if number > 127 else bytes([low])

    config = field(1, 1) + field(2, 16000) + field(3, "en-US") + field(6, field(1, "one") + field(1, "two")) + field(8, 1)
    for name, message in {
        "config": field(1, field(1, config) + field(2, 1)) + field(100, field(1, "id")),
        "audio": field(2, bytes(64)),
        "both": field(2, b"RIFF" + bytes(8)) + field(1, field(1, field(13, "model") + field(20, 1))),
        "recording": field(1, config + field(7, 2) + field(12, 1)) + field(2, b"RIFF" + bytes(32)),
        "no-rate": field(1, field(1, 20)) + field(2, bytes(16)),
        "refused": field(1, field(5, 1) + field(19, field(1, 1))),
        "unknown-encoding": field(1, field(1, 99)),
        "custom": field(1, field(24, field(1, "name") + field(2, "value")) + field(25, field(1, 3))),
        "runtime": field(3, field(1, "stop_history") + field(2, "800")),
    }.items():
        seed("riva_messages", name, message)
    chunk = b'{"rate": 16000, "width": %d, "channels": 1, "timestamp": null}'

    def event(kind: str, data: bytes = b"", payload: bytes = b"") -> bytes:
        line = {"type": kind, "version": "1.10.2", "data_length": len(data), "payload_length": len(payload)}
        return json.dumps(line).encode() + b"\n" + data + payload

    for name, message in {
        "describe": b'{"type": "describe", "version": "1.10.2"}\n',
        "ping": b'{"type": "ping", "data": {"text": "a"}}\n',
        "transcribe": event("transcribe", b'{"name": "digits", "language": "en", "transcript_names": ["Anna"]}'),
        "command": event("transcribe", b"{}") + event("audio-start", chunk % 2) + event("audio-chunk", chunk % 2, bytes(64))
        + event("audio-stop", b'{"timestamp": null}'),
        "bytes": event("audio-chunk", chunk % 1, bytes(range(9))),
        "wide": event("audio-chunk", chunk % 3, bytes(range(9))) + event("audio-chunk", chunk % 4, bytes(8)),
        "odd": event("audio-chunk", chunk % 2, bytes(3)),
        "too-large": b'{"type": "a", "data_length": 9, "payload_length": 99999999}\n',
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    }.items():
        seed("wyoming_events", name, b"\x10" + message)
    part = '--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    file = part % ("file", '; filename="a.wav"\r\nContent-Type: audio/wav', "RIFF")
    fields = {
        "model": "whisper-1", "language": "en", "languages[]": "de", "prompt": "ZyntriQix, Auricle", "keywords[]": "Auricle",
        "response_format": "verbose_json", "timestamp_granularities[]": "word", "temperature": "0.2",
        "chunking_strategy": "auto", "user": "me",
    }  # fmt: skip
    for name, body in {
        "all": "".join(part % (name, "", value) for name, value in fields.items()) + file,
        "file-first": file + part % ("model", "", "whisper-1"),
        "stream": part % ("model", "", "m") + part % ("stream", "", "true") + part % ("include[]", "", "logprobs"),
        "refused": part % ("known_speaker_names[]", "", "agent"),
        "format": part % ("model", "", "m") + part % ("response_format", "", "diarized_json"),
    }.items():
        seed("openai_forms", name, "\7" + body + "--B--\r\n")
    seed("openai_forms", "cut-off", "\1" + file[:-3])


def audio() -> None:
    tones = {path.name: path.read_bytes() for path in (ROOT / "host/audio/src/file/testdata").iterdir()}
    for name, tone in tones.items():
        seed("audio_files", name, tone)
    seed("audio_files", "joined.mp3", tones["tone.mp3"] * 2)
    # MPEG 1 in stereo, silent.
    seed("audio_files", "changed.mp3", tones["tone.mp3"] + (b"\xff\xfb\x90\0" + bytes(413)) * 3)
    seed("audio_files", "chained.ogg", tones["tone.ogg"] * 2)
    # Behind one another: Vorbis, Opus.
    seed("audio_files", "mixed.ogg", tones["tone.ogg"] + tones["tone.opus"])
    seed("audio_files", "tagged.flac", tones["tone.flac"] + b"APETAGEX" + struct.pack("<4IQ", 2000, 40, 1, 0xa0000000, 0) + bytes(8))
    sine = [(n * 37 % 200 - 100) * 300 for n in range(400)]
    for tag, bits, samples in [
        (1, 16, struct.pack("<400h", *sine)),
        (1, 24, b"".join(struct.pack("<i", sample << 8)[:3] for sample in sine)),
        (3, 32, struct.pack("<400f", *(sample / 32768 for sample in sine))),
        (7, 8, bytes(sample >> 8 & 255 for sample in sine)),
    ]:
        frame = bits // 8
        header = struct.pack("<HHIIHH", tag, 1, 16000, 16000 * frame, frame, bits)
        chunks = b"WAVEfmt " + struct.pack("<I", 16) + header + b"LIST\2\0\0\0xydata" + struct.pack("<I", len(samples))
        whole = chunks + samples
        seed("audio_files", f"{tag}-{bits}.wav", b"RIFF" + struct.pack("<I", len(whole)) + whole)
    pcm = struct.pack("<100h", *sine[:100])
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    wide = b"fmt " + struct.pack("<IHHIIHHHHIH", 40, 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4, 1) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    joined = b"RIFF\0\0\0\0WAVELIST\3\0\0\0odd" + fmt + b"data" + struct.pack("<I", len(pcm)) + pcm
    seed("audio_files", "joined.wav", joined + b"LIST\5\0\0\0after\0" + joined)
    long = struct.pack("<IQQQI", 28, 0, len(pcm), 100, 0)
    seed("audio_files", "long.wav", b"RF64\xff\xff\xff\xffWAVEds64" + long + wide + b"data\xff\xff\xff\xff" + pcm)
    seed("audio_files", "unfinished.wav", b"RIFF\0\0\0\0WAVE" + fmt + b"data\0\0\0\0" + pcm)
    # What and for whom, [channel], rate, channels, parts, their lengths (0x8000: then a flush), the audio.
    for name, choice, channel, rate, channels, cuts in [
        ("same-rate", 0, b"", 16000, 1, [3, 0x8021]),
        ("floats", 1, b"", 44100, 2, [0x8005, 17]),
        ("telephone", 2, b"", 8000, 1, []),
        ("one-of-three", 16 + 4 + 3, b"\2", 12347, 3, [1, 1, 1, 0x8100]),
        ("no-such-rate", 0, b"", 100, 1, []),
    ]:
        head = bytes([choice]) + channel + struct.pack("<I", rate)[:3] + bytes([channels, len(cuts)])
        seed("audio_intake", name, head + struct.pack(f"<{len(cuts)}H", *cuts) + struct.pack("<400h", *sine))


def texts() -> None:
    for path in sorted((ROOT / "configs/presets").glob("*.json")):
        seed("presets", path.name, path.read_bytes())
    host = '{"title":"t","open":["lan"],"preload":true,"concurrency":2,"max_streams":8,"call_seconds":2.5,'
    host += '"isolation":"in-process","sandbox":false,"memory_mb":512,"unload_seconds":900}'
    seed("presets", "host.json", '{"backend":"tone","lan":"en","beam":1e-3,"host":' + host + "}")
    gate = '{"voice_gate":{"cut":"skip","hold_seconds":2.5,"pre_roll_seconds":0.5}}'
    seed("presets", "gate.json", '{"backend":"tone","host":' + gate + "}")
    seed("settings", "auricle.toml", text("configs/auricle.toml"))
    more = 'listen = "[::1]:80"\nplugins = ["a"]\ntrusted = ["tone"]\n[backends]\ntone = "x@1.2"\n[limits]\nmax_streams = 3\n'
    seed("settings", "more.toml", more + "quarantine_seconds = 1e3\n[timeouts]\nidle_seconds = 0.25\n")
    small = ROOT / "plugins/onnx/testdata/zipformer2-ctc-small"
    vocabulary = "\u2581 -3\na\t-2\nb\t-2\n\u2581a\t-2.5\nab\t-1\n\u2581ab\t-4\nba\t-1.5\n"
    symbols = "<blk> 0\n\u2581a 1\nba 2\n\u4e00 3\n\u2581 4\nab 5\n<unk> 6\n"
    seed("onnx_texts", "short", f"{symbols}\0{vocabulary}\0aba \u4e00aba")
    seed("onnx_texts", "characters", "<blk> 0\na 1\nb 2\0\0ab ba")
    for name in ("byte_pieces", "fallback"):
        lines = (small / f"tokens.{name}.txt").read_text(encoding="utf-8")
        seed("onnx_texts", name, f"{lines}\0{vocabulary}\0a")


def workers() -> None:
    def say(name: str, kind: int, *parts: bytes) -> None:
        seed("worker_messages", name, bytes([kind]) + b"".join(parts))

    half = struct.pack("<f", 0.5)
    say("open", 0, number(0), number(7), string("stream"), string('{"lan":"en"}'))
    say("init", 0, number(1), number(7), number(1 << 40))
    say("restore", 0, number(2), number(7), number(16000), string(b"state"))
    say("hear", 0, number(3), number(7), string(half * 3), b"\1")
    together = [number(7) + string(half), number(8) + string(b"")]
    say("hear-together", 0, number(4), sequence(*together))
    say("close", 0, number(5), number(7))
    say("cancel", 0, number(6))
    say("log", 1, number(0), b"\2", string("onnx"), some(string("stream")), string("a line"))
    say("loaded", 1, number(1), string('{"sample_rate":16000}'))
    say("not-loaded", 1, number(2), number(3), string("no such model"))
    say("crashed", 1, number(3), string("SIGSEGV"), sequence(string("main"), string("start")))
    resources, files = sequence(string("/a"), string("/b")), sequence(string("/c"))
    allowed = some(files + NONE + b"\1\0")
    say("setup", 2, number(1), string("/p"), resources, string("tone"), string("{}"), b"\3", allowed)
    extra = string('{"n":0.1,"list":[1,null,{"a":"b"}]}')
    word = number(1) + number(2) + string("a") + some(half) + string("")
    piece = number(1) + number(900) + string(b"\xffraw") + NONE + extra
    told = piece + some(string("en")) + sequence(word, number(3) + number(4) + string("b") + NONE + extra)
    say("partial", 3, number(0), number(0), number(0), told)
    say("segment", 3, number(0), number(1), number(1), told)
    say("restart-point", 3, number(0), number(0), number(4), number(48000), string(b"state"))
    say("over", 3, number(1), sequence(number(0), number(1) + number(2) + string("a problem")))
    say("samples", 4, half * 3, b"\1")


def clusters() -> None:
    def say(name: str, kind: int, *parts: bytes) -> None:
        seed("cluster_messages", name, bytes([kind]) + b"".join(parts))

    half = struct.pack("<f", 0.5)
    say("watch", 0, number(0))
    say("load", 0, number(1), string("tone"), string("f00d"))
    say("open", 0, number(2), string("stream"), string("tone"), string("f00d"), string('{"lan":"en"}'), b"\1\0")
    say("init", 0, number(3), number(1 << 40))
    say("restore", 0, number(4), number(16000), string(b"state"))
    say("process", 0, number(5), string(half * 3), number(1))
    say("state", 1, number(0), string("{}"))
    say("loaded", 1, number(1), string('{"sample_rate":16000}'))
    piece = number(1) + number(900) + string("one") + NONE + string("")
    say("segment", 1, number(2), number(1), piece + some(string("en")) + sequence())
    say("restart-point", 1, number(2), number(4), number(48000), string(b"state"))
    say("done", 1, number(3))
    say("failed", 1, number(4), string("engine_error"), string("the engine failed"), some(string("in finish")))
    say("lost", 1, number(5))
    version = {"major": 1, "minor": 0}
    say("hello", 2, json.dumps({"protocol": "auricle-cluster", "version": version, "nonce": "00"}).encode())
    say("too-new", 2, json.dumps({"protocol": "auricle-cluster", "version": {"major": 2, "minor": 0}, "nonce": ""}).encode())
    say("welcome", 2, json.dumps({"accepted": {"version": version, "nonce": "00", "proof": "00"}}).encode())
    say("refused", 2, json.dumps({"refused": {"version": version, "reason": "too old"}}).encode())
    preset = {"name": "tone", "usable": True, "identity": "f00d", "open": ["lan"], "load": 0.5, "room": 9}
    say("status", 3, json.dumps({"version": "0.1.0", "stopping": False, "streams": 3, "presets": [preset]}).encode())


def restarts() -> None:
    words = [number(start) + number(start + 800) + string("so") + some(struct.pack("<f", 0.5)) for start in (0, 1600, 3200)]
    agreement = number(4000) + sequence(*words) + number(1) + number(2) + number(1)
    audio = bytes(n * 7 % 256 if n // 20 % 3 else 0 for n in range(200))
    for gated, voice in enumerate([NONE, some(b"\1")]):
        state = b"online-3" + agreement + number(4000) + voice
        head = bytes([gated]) + (3000).to_bytes(6, "little") + struct.pack("<H", len(state))
        seed("online_restarts", "vac" if gated else "plain", head + state + audio)
    token = number(3) + number(1) + number(2) + struct.pack("<f", 0.5)
    floats = sequence(struct.pack("<f", 0.5), struct.pack("<f", -0.5))
    prediction = floats + number(0) + sequence(number(2), number(5))
    for name, search in {
        "ctc": number(0) + number(9) + sequence(token, token) + some(number(3)),
        "greedy": number(1) + number(9) + sequence(token) + prediction,
        "beam": number(2) + number(9) + sequence(sequence(token) + prediction + struct.pack("<d", -1.5) + number(0)) + number(0),
    }.items():
        state = b"onnx-r02" + number(1 << 40) + number(300) + search + number(2) + b"\1" + string(bytes(range(40)))
        seed("onnx_restarts", name, state)


def points() -> None:
    """Stored points, without their first line as the target also reads them, and whole."""
    audio = {"format": "s16le", "sample_rate": 48000, "channels": 1}
    header = {"stream": "s", "key": "alice", "preset": "p", "options": {"lan": "en"}, "audio": audio, "pace": "live",
              "fingerprint": "f", "sample_rate": 16000, "tokens": [[3] * 32, None], "epoch": 1, "grid": [1600, 4800, 1],
              "sample": 4000, "told": 7, "has_state": True}
    without = {**header, "key": None, "has_state": False, "sample": 1600}
    for name, fields, state in [("state", header, bytes(range(40))), ("none", without, b""),
                                ("far", {**header, "sample": (1 << 53) - 1}, b""), ("much", {**header, "told": 1 << 60}, b"")]:
        rest = json.dumps(fields).encode() + b"\n" + state
        seed("stored_points", name, rest)
        seed("stored_points", f"{name}-file", b"auricle-resume 1 " + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)


def field(place: int, value: bytes | str | int) -> bytes:
    """A field of a message as protobuf writes it."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    return number(place << 3 | 2) + string(value)


def networks() -> None:
    """A layer of attention that makes keys and values of cached frames, as far as the engine looks at one."""
    width = 32

    def constant(name: str, kind: int, dims: list[int], content: bytes) -> bytes:
        return field(5, b"".join(field(1, dim) for dim in dims) + field(2, kind) + field(8, name) + field(9, content))

    def node(kind: str, inputs: str, output: str, **attributes: int) -> bytes:
        listed = [field(5, field(1, name) + field(3, value) + field(20, 2)) for name, value in attributes.items()]
        names = b"".join(field(1, name) for name in inputs.split())
        return field(1, names + field(2, output) + field(4, kind) + b"".join(listed))

    def value(place: int, name: str, *dims: int) -> bytes:
        shape = b"".join(field(1, field(1, dim)) for dim in dims)
        return field(place, field(1, name) + field(2, field(1, field(1, 1) + field(2, shape))))

    integers = {"layer": 0, "first": -2, "end": 99, "axis": 1}
    weights = struct.pack(f"<{width * width}f", *(n * 37 % 200 / 100 - 1 for n in range(width * width)))
    graph = [
        node("Gather", "cache layer", "past", axis=1),
        node("Concat", "past frames", "seen", axis=1),
        node("MatMul", "seen weights", "keys"),
        node("MatMul", "seen weights", "values"),
        node("Slice", "seen first end axis", "kept"),
        node("Unsqueeze", "kept axis", "next"),
        field(2, "g"),
        constant("layer", 7, [], struct.pack("<q", integers.pop("layer"))),
        *(constant(name, 7, [1], struct.pack("<q", only)) for name, only in integers.items()),
        constant("weights", 1, [width, width], weights),
        *(value(11, name, 1, 1, 2, width) for name in ("frames", "length", "cache")),
        *(value(12, name, 1, 1, 2, width) for name in ("keys", "values", "next")),
    ]
    told = {"cache_last_channel_dim1": 1, "cache_last_channel_dim3": width}
    metadata = [field(14, field(1, key) + field(2, str(fact))) for key, fact in told.items()]
    model = field(1, 8) + field(7, b"".join(graph)) + field(8, field(2, 17)) + b"".join(metadata)
    for which, name in enumerate(("projected-cache", "int8", "both")):
        seed("onnx_networks", name, bytes([which]) + model)


def weights() -> None:
    """The smallest Whisper of CTranslate2: a layer on each side, one head of 8; weights of 16 bits."""
    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    def floats(text: str, *shape: int) -> bytes:
        count = 1
        for axis in shape:
            count *= axis
        values = b"".join(struct.pack("<e", 0 if text.endswith("bias") else (n % 7 - 3) / 8) for n in range(count))
        return name(text) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, 4, len(values)) + values

    def integer(text: str, kind: int, value: bytes) -> bytes:
        return name(text) + struct.pack("<BBI", 0, kind, len(value)) + value

    def norm(text: str) -> list[bytes]:
        return [floats(f"{text}/gamma", 8), floats(f"{text}/beta", 8)]

    def linear(text: str, *shape: int) -> list[bytes]:
        return [floats(f"{text}/weight", *shape), floats(f"{text}/bias", shape[0])]

    found = [integer("decoder/activation", 1, b"\3"), integer("decoder/pre_norm", 1, b"\1"), integer("decoder/alibi", 1, b"\0")]
    found += linear("encoder/conv1", 8, 2, 3) + linear("encoder/conv2", 8, 8, 3)
    for side, positions in (("encoder", 50), ("decoder", 16)):
        layer = f"{side}/layer_0"
        found += [integer(f"{side}/num_heads", 2, b"\1\0"), floats(f"{side}/position_encodings/encodings", positions, 8)]
        found += norm(f"{side}/layer_norm") + norm(f"{layer}/self_attention/layer_norm") + norm(f"{layer}/ffn/layer_norm")
        found += linear(f"{layer}/self_attention/linear_0", 24, 8) + linear(f"{layer}/self_attention/linear_1", 8, 8)
        found += linear(f"{layer}/ffn/linear_0", 16, 8) + linear(f"{layer}/ffn/linear_1", 8, 16)
    found += norm("decoder/layer_0/attention/layer_norm") + linear("decoder/layer_0/attention/linear_0", 8, 8)
    found += linear("decoder/layer_0/attention/linear_1", 16, 8) + linear("decoder/layer_0/attention/linear_2", 8, 8)
    found += [floats("decoder/embeddings/weight", 5, 8)]
    head = struct.pack("<I", 6) + name("WhisperSpec") + struct.pack("<I", 3)
    alias = struct.pack("<I", 1) + name("decoder/projection/weight") + name("decoder/embeddings/weight")
    file = head + struct.pack("<I", len(found)) + b"".join(found) + alias
    seed("whisper_weights", "whole", file)
    seed("whisper_weights", "cut", file[:1000])
    seed("whisper_weights", "settings", head + struct.pack("<I", 3) + b"".join(found[:3]) + struct.pack("<I", 0))


def manifest(target: str) -> bytes:
    fields = [(target, 48), ("tone", 64), ("0.1.0", 48), ("arithmetic on the samples", 192)]
    return b"auricle plugin\r\n" + struct.pack("<4I", 384, 1, 0, 0) + b"".join(t.encode().ljust(n, b"\0") for t, n in fields)


def plugins() -> None:
    seed("plugin_files", "text", "not a library")
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    linker = next(pathlib.Path(sysroot).glob("lib/rustlib/*/bin/rust-lld"))
    with tempfile.TemporaryDirectory() as work:
        for target, (flavor, *options, out) in TARGETS.items():
            content = manifest(target)
            seed("manifests", target, content)
            for symbol in ("AURICLE_PLUGIN_MANIFEST", *(["ANOTHER"] if flavor == "gnu" else [])):
                name = f"{target}-{symbol[:7].lower()}"
                source, library = pathlib.Path(work, "bare.rs"), pathlib.Path(work, "library")
                listed = ",".join(str(byte) for byte in content)
                bare = BARE.replace("NAME", symbol).replace("LENGTH", str(len(content))).replace("BYTES", listed)
                source.write_text(bare, encoding="utf-8")
                obj = pathlib.Path(work, "bare.o")
                compiler = ["rustc", "--target", target, "--emit=obj", "-Cpanic=abort", "-o", str(obj), str(source)]
                subprocess.run(compiler, check=True, env={**os.environ, "RUSTC_BOOTSTRAP": "1"})
                to = [f"{out}{library}"] if flavor == "link" else [out, str(library)]
                subprocess.run([str(linker), "-flavor", flavor, *options, *to, str(obj)], check=True, cwd=work)
                seed("plugin_files", name, library.read_bytes())
    seed("manifests", "short", manifest("x")[:100])
    for name, claims in {
        "all": '{"can": ["partials", "batches"], "languages": ["en", "pt-BR"], "needs": ["files", "network", "gpu", "no-sandbox"]}',
        "later": '{"can": ["turns"], "later": {"x": [1, null]}}',
        "unknown-need": '{"needs": ["camera"]}',
    }.items():
        seed("claims", name, struct.pack("<I", len(claims)) + claims.encode() + b"what follows")
    seed("claims", "too-long", struct.pack("<I", 1 << 17) + b"{}")


def packages() -> None:
    """Archives of packages: one that is sound, one with a link, one with a file that leads elsewhere."""
    library = (SEEDS / "plugin_files" / "x86_64-unknown-linux-gnu-auricle").read_bytes()
    for name, path, kind in [
        ("sound", "engine/LICENSE", tarfile.REGTYPE),
        ("link", "engine/LICENSE", tarfile.SYMTYPE),
        ("escape", "engine/../../LICENSE", tarfile.REGTYPE),
    ]:
        files = [("engine/libtone.so", library, tarfile.REGTYPE), (path, b"a licence" * (kind == tarfile.REGTYPE), kind)]
        listed = [
            {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for path, content, _ in files
        ]
        manifest = {
            "format": 1, "name": "tone", "version": "0.1.0", "description": "", "target": "x86_64-unknown-linux-gnu",
            "api": [1, 0], "publisher": "me", "claims": {"can": [], "languages": [], "needs": ["files"]}, "files": listed,
        }
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for path, content, kind in [("package.json", json.dumps(manifest).encode(), tarfile.REGTYPE), *files]:
                entry = tarfile.TarInfo(path)
                entry.size, entry.type, entry.linkname = len(content), kind, "/etc/passwd"
                tar.addfile(entry, io.BytesIO(content))
        seed("packages", name, archive.getvalue()[: 512 * 14])
    seed("packages", "unsigned", b"auricle pack 1\r\n" + bytes(96) + b"\x1f\x8b")
    seed("packages", "signed", b"auricle pack 1\r\n" + bytes(range(96)) + b"\x1f\x8b")


def media() -> None:
    """Offers of WebRTC, and packets: number, timestamp, milliseconds since the last one, length, bytes."""
    def packet(sequence: int, time: int, pause: int, payload: bytes) -> bytes:
        return struct.pack("<H", sequence) + struct.pack("<I", time)[:3] + bytes([pause, len(payload)]) + payload

    mu = [packet(n, n * 160, 20, bytes((n * 7 + k) % 256 for k in range(160))) for n in range(6)]
    # SILK of 20 ms, then CELT of 20 ms, then a frame of DTX.
    opus = [packet(n, n * 960, 20, bytes([toc]) + bytes((n * 11 + k * 3) % 256 for k in range(30 if toc != 8 else 0)))
            for n, toc in enumerate([0x48, 0x48, 0xf8, 0xf8, 0x08, 0x48])]
    for name, data in {
        "in-order": b"\1" + b"".join(mu),
        "lost-and-late": b"\1" + mu[0] + mu[2] + mu[1] + mu[5],
        "opus": b"\0" + b"".join(opus),
        "opus-lost": b"\0" + opus[0] + opus[3] + opus[4],
        "paused": b"\2" + mu[0] + packet(1, 40_000, 255, bytes(80)) + packet(2, 16_000_000, 20, bytes(80)),
    }.items():
        seed("media_packets", name, data)
    for name, text in {
        "offer": '{"sdp":"v=0\\r\\n","type":"offer","webrtc_id":"a","preset":"p","options":{"lan":"de"}}',
        "candidate": '{"candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 5 typ host","sdpMid":"0"},'
        '"type":"ice-candidate","webrtc_id":"a"}',
        "no-id": '{"sdp":"","type":"offer","webrtc_id":""}',
    }.items():
        seed("webrtc_offers", name, text)
    for name, text in {
        "page": '{"model":"tiny","lan":"auto","task":"transcribe","backend":"whisper","min_chunk_size":1.0,'
        '"buffer_trimming":"segment","buffer_trimming_sec":10.0}',
        "all": '{"model":"m","model_dir":null,"vac":false,"vad":true,"turn_config":{"provider":"hf","ttl":86400},"own":[{"a":1}]}',
        "folder": '{"model":"m","model_cache_dir":"/models"}',
    }.items():
        seed("hisi_configurations", name, text)


def datagrams() -> None:
    """What happens on the network of a connection: see the target."""
    def from_address(kind: int, content: bytes) -> bytes:
        return bytes([kind]) + struct.pack("<H", len(content)) + content

    step, open_first, at_once = b"\0", b"\1", b"\0"
    username = b"0123456789abcdef:abcd"
    attribute = struct.pack(">HH", 6, len(username)) + username + bytes(-len(username) % 4)
    stun = struct.pack(">HHI", 1, len(attribute), 0x2112A442) + bytes(range(12)) + attribute
    hello = bytes([22, 254, 253]) + bytes(8) + struct.pack(">H", 40) + bytes([1]) + bytes(39)
    rtp = struct.pack(">BBHII", 0x80, 111, 7, 960, 1) + bytes(40)
    rtcp = struct.pack(">BBHIII", 0x81, 201, 7, 1, 1, 0) + bytes(24)
    opus = b"".join(b"\4" + struct.pack("<H", n) + struct.pack("<I", n * 960)[:3] + bytes([30]) + bytes([0x48] + [n] * 29) + step for n in range(4))
    say = bytes([5, 0, 16]) + b'{"type":"flush"}' + step
    changed = bytes([3, 2]) + struct.pack("<H", 30) + b"\x80" + struct.pack("<H", 3) + b"\1" + b"\1"
    for name, content in {
        "strangers": open_first + b"".join(from_address(1, packet) for packet in (stun, hello, rtp, rtcp, b"GET / HTTP/1.1")),
        "forged": open_first + b"".join(from_address(2, packet) + step for packet in (stun, hello, rtp, rtcp)),
        "before": at_once + from_address(1, stun) + from_address(2, hello) + step * 4 + from_address(2, rtp) + step * 20,
        "speech": open_first + opus + say,
        "changed": open_first + opus + changed * 3,
        "changed-handshake": at_once + (step + changed) * 20,
    }.items():
        seed("webrtc_datagrams", name, content)


def main() -> None:
    shutil.rmtree(SEEDS, ignore_errors=True)
    for write in (messages, dialects, audio, texts, workers, clusters, restarts, points, networks, weights, media, datagrams, plugins, packages):
        write()
    files = [path for path in SEEDS.glob("*/*")]
    print(f"{len(files)} seeds, {sum(path.stat().st_size for path in files)} bytes in {SEEDS}")


if __name__ == "__main__":
    main()
