"""The exchange of a client of fastrtc, with its own server as the reference and with another server.

    client.py URL

Prints what each of them answers, as JSON: `{"reference": [[step, status, answer], ...], "other": ...}`.
"""

import asyncio
import fractions
import json
import sys
import threading
import time
import urllib.request

import av
import uvicorn
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from fastapi import FastAPI
from fastrtc import AsyncStreamHandler, Stream

RATE, FRAME = 48_000, 0.02


class Listener(AsyncStreamHandler):
    """Hears and says nothing."""

    async def receive(self, frame) -> None:
        pass

    async def emit(self) -> None:
        await asyncio.sleep(1)

    def copy(self) -> "Listener":
        return Listener()


class Silence(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.position = 0

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(FRAME)
        samples = int(RATE * FRAME)
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.planes[0].update(bytes(2 * samples))
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.position, fractions.Fraction(1, RATE)
        self.position += samples
        return frame


def reference() -> str:
    """Starts the server of fastrtc, for one connection at a time. Returns its address."""
    app = FastAPI()
    Stream(Listener(), modality="audio", mode="send", concurrency_limit=1).mount(app)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return "http://127.0.0.1:{}".format(server.servers[0].sockets[0].getsockname()[1])


def send(url: str, body: dict) -> tuple[int, dict]:
    asked = urllib.request.Request(f"{url}/webrtc/offer", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.status, json.load(answer)


async def exchange(url: str) -> list:
    steps = []

    async def step(name: str, body: dict) -> dict:
        status, answer = await asyncio.to_thread(send, url, body)
        steps.append([name, status, answer])
        return answer

    def candidate(line: str) -> dict:
        return {"candidate": {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}, "type": "ice-candidate", "webrtc_id": "one"}

    host = "candidate:2393089663 1 udp 2122260223 127.0.0.1 63692 typ host generation 0 ufrag LkZb network-id 1"
    await step("a candidate of nobody", candidate(host))
    peer = RTCPeerConnection()
    peer.addTrack(Silence())
    channel = peer.createDataChannel("text")
    is_open, has_heard, heard = asyncio.Event(), asyncio.Event(), []
    channel.on("open", is_open.set)

    @channel.on("message")
    def message(text: str) -> None:
        heard.append(json.loads(text))
        has_heard.set()

    await peer.setLocalDescription(await peer.createOffer())
    offer = {"sdp": peer.localDescription.sdp, "type": "offer"}
    answer = await step("an offer", {**offer, "webrtc_id": "one"})
    await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    await asyncio.wait_for(is_open.wait(), 30)
    channel.send("handshake")
    await asyncio.wait_for(has_heard.wait(), 30)
    await step("a candidate", candidate(host))
    await step("a candidate that is none", candidate("nonsense"))
    await step("the same offer", {**offer, "webrtc_id": "one"})
    await step("one too many", {**offer, "webrtc_id": "two"})
    steps.append(["a message", 0, heard[0]])
    await peer.close()
    return steps


async def main() -> None:
    print(json.dumps({"reference": await exchange(reference()), "other": await exchange(sys.argv[1])}))


asyncio.run(main())
