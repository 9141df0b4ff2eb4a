#!/usr/bin/env python3
"""Does with PyPI `nvidia-riva-client` what its scripts for recognition do; prints JSON.

    client.py stream ADDRESS WAV [OPTIONS]     sends a file in chunks of 100 ms, and reads the results meanwhile
    client.py recognize ADDRESS WAV [OPTIONS]  sends a file in one request
    client.py models ADDRESS [OPTIONS]         asks for the models
    client.py messages HEX...                  parses messages by their names, `NAME=HEX`

OPTIONS are a JSON object: fields of `RecognitionConfig`; `interim`, `key`, `ca` (a certificate for TLS); `raw` sends the samples
without a header; `phrases`.
"""

import json
import sys
import wave

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
import riva.client
import riva.client.proto.riva_asr_pb2 as asr


def service(address, options):
    metadata = [["authorization", f"Bearer {options['key']}"]] if "key" in options else None
    ca = options.get("ca")
    auth = riva.client.Auth(uri=address, use_ssl=ca is not None, ssl_root_cert=ca, metadata_args=metadata)
    return riva.client.ASRService(auth)


def config(path, options):
    ours = {"interim", "key", "ca", "raw", "phrases"}
    made = riva.client.RecognitionConfig(**{name: value for name, value in options.items() if name not in ours})
    if options.get("raw"):
        made.encoding = riva.client.AudioEncoding.LINEAR_PCM
        riva.client.add_audio_file_specs_to_config(made, path)
    riva.client.add_word_boosting_to_config(made, options.get("phrases"), 4.0)
    return made


def audio(path, options):
    if options.get("raw"):
        with wave.open(path) as file:
            return file.readframes(file.getnframes())
    with open(path, "rb") as file:
        return file.read()


def results(response):
    told = MessageToDict(response, preserving_proto_field_name=True)
    return told.get("results", [])


def stream(address, path, options):
    streaming = riva.client.StreamingRecognitionConfig(
        config=config(path, options), interim_results=options.get("interim", False)
    )
    if options.get("raw"):
        whole = audio(path, options)
        chunks = [whole[at : at + 3_200] for at in range(0, len(whole), 3_200)]
        responses = service(address, options).streaming_response_generator(chunks, streaming)
        return [result for response in responses for result in results(response)]
    with riva.client.AudioChunkFileIterator(path, 1_600) as chunks:
        responses = service(address, options).streaming_response_generator(chunks, streaming)
        return [result for response in responses for result in results(response)]


def recognize(address, path, options):
    return results(service(address, options).offline_recognize(audio(path, options), config(path, options)))


def models(address, options):
    asked = service(address, options)
    request = asr.RivaSpeechRecognitionConfigRequest()
    response = asked.stub.GetRivaSpeechRecognitionConfig(request, metadata=asked.auth.get_auth_metadata())
    return [[model.model_name, dict(model.parameters)] for model in response.model_config]


def messages(pairs):
    parsed = {}
    for pair in pairs:
        name, encoded = pair.split("=")
        message = getattr(asr, name).FromString(bytes.fromhex(encoded))
        unknown = [field.field_number for field in UnknownFieldSet(message)]
        assert not unknown, (name, unknown)
        parsed[name] = MessageToDict(message, preserving_proto_field_name=True)
    return parsed


def main():
    kind, *rest = sys.argv[1:]
    if kind == "messages":
        print(json.dumps(messages(rest)))
        return
    has_options = rest[-1].startswith("{")
    options = json.loads(rest[-1]) if has_options else {}
    arguments = rest[:-1] if has_options else rest
    try:
        told = {"stream": stream, "recognize": recognize, "models": models}[kind](*arguments, options)
    except grpc.RpcError as error:
        told = {"code": error.code().name, "details": error.details()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
