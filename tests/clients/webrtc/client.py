"""Clients over WebRTC with aiortc: they do what they are told in JSON, and print what they got as JSON.

    client.py '{"url": "http://127.0.0.1:8770", "audio": "demo.wav", ...}'

With a list, the clients run at the same time.
"""

import asyncio
import fractions
import json
import re
import sys
import time
import urllib.error
import urllib.request
import wave

import aiortc.codecs
import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.codecs.opus import OpusEncoder
from aiortc.mediastreams import MediaStreamError

FRAME = 0.02


class BrowserEncoder(OpusEncoder):
    """Opus as browsers send it to those who ask for redundancy: mono, at 32 kbit/s."""

    def __init__(self) -> None:
        super().__init__()
        self.codec = av.CodecContext.create("libopus", "w")
        self.codec.bit_rate = 32_000
        self.codec.format = "s16"
        self.codec.layout = "mono"
        self.codec.options = {"application": "voip", "fec": "1", "packet_loss": "10"}
        self.codec.sample_rate = 48_000
        self.codec.time_base = fractions.Fraction(1, 48_000)
        self.resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000, frame_size=960)


class Recording(MediaStreamTrack):
    """A recording in real time, after some silence and before some, or faster."""

    kind = "audio"

    def __init__(self, path: str, speed: float) -> None:
        super().__init__()
        with wave.open(path) as file:
            self.rate = file.getframerate()
            samples = file.readframes(file.getnframes())
        # Half a second; a sample has two bytes.
        silence = bytes(self.rate)
        self.samples = silence + samples + silence
        self.speed = speed
        self.position = 0
        self.begun: float | None = None
        self.ended = asyncio.Event()

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        if self.begun is None:
            self.begun = time.monotonic()
        length = int(self.rate * FRAME)
        due = self.begun + self.position / self.rate / self.speed
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        samples = self.samples[2 * self.position : 2 * (self.position + length)]
        if len(samples) < 2 * length:
            # It goes on in silence, so that the client decides when the audio ends.
            self.ended.set()
            samples = bytes(2 * length)
        frame = av.AudioFrame(format="s16", layout="mono", samples=length)
        frame.planes[0].update(samples)
        frame.sample_rate = self.rate
        frame.pts = self.position
        frame.time_base = fractions.Fraction(1, self.rate)
        self.position += length
        return frame


def request(method: str, url: str, body: bytes | None, headers: dict) -> dict:
    """Sends a request. Returns status, headers and text of the response."""
    asked = urllib.request.Request(url, body, headers, method=method)
    try:
        answer = urllib.request.urlopen(asked, timeout=60)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return {"status": answer.status, "headers": {k.lower(): v for k, v in answer.headers.items()}, "text": answer.read().decode()}


def transcript(url: str, headers: dict, opened: asyncio.Event, loop: asyncio.AbstractEventLoop) -> list:
    """Reads the server-sent events to their end."""
    events = []
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            loop.call_soon_threadsafe(opened.set)
            kind = None
            for line in map(lambda line: line.decode().rstrip("\n"), answer):
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    events.append([kind, json.loads(line.removeprefix("data: "))])
    except urllib.error.HTTPError as refused:
        events.append(["refused", refused.code])
        loop.call_soon_threadsafe(opened.set)
    return events


def candidates(sdp: str) -> list[str]:
    return [line.removeprefix("a=") for line in sdp.splitlines() if line.startswith("a=candidate:")]


def without_candidates(sdp: str) -> str:
    return re.sub(r"a=(candidate:|end-of-candidates).*\r\n", "", sdp)


class Client:
    def __init__(self, told: dict) -> None:
        self.told = told
        self.url = told["url"]
        self.id = told.get("id", "client")
        self.headers = {"Authorization": f"Bearer {told['key']}"} if "key" in told else {}
        self.result: dict = {"messages": [], "replies": []}
        self.ended = asyncio.Event()

    async def send(self, method: str, path: str, body: str | None, kind: str, more: dict | None = None) -> dict:
        headers = {**self.headers, **(more or {}), "Content-Type": kind}
        data = None if body is None else body.encode()
        reply = await asyncio.to_thread(request, method, self.url + path, data, headers)
        self.result["replies"].append(reply)
        return reply

    async def offer(self, sdp: str) -> str | None:
        """Sends the offer. Returns the answer."""
        query = f"?preset={self.told['query_preset']}" if "query_preset" in self.told else ""
        if self.told.get("whip"):
            reply = await self.send("POST", f"/whip{query}", sdp, "application/sdp")
            if reply["status"] != 201:
                return None
            self.place = reply["headers"]["location"]
            self.tag = reply["headers"]["etag"]
            self.id = self.place.rsplit("/", 1)[1]
            return reply["text"]
        body = {"sdp": sdp, "type": "offer", "webrtc_id": self.id, **self.told.get("body", {})}
        reply = await self.send("POST", f"/webrtc/offer{query}", json.dumps(body), "application/json")
        return json.loads(reply["text"]).get("sdp")

    async def trickle(self, lines: list[str]) -> None:
        if self.told.get("whip"):
            fragment = "".join(f"a={line}\r\n" for line in lines)
            await self.send("PATCH", self.place, fragment, "application/trickle-ice-sdpfrag", {"If-Match": self.tag})
            return
        for line in [*lines, *self.told.get("odd_candidates", [])]:
            body = {"candidate": {"candidate": line, "sdpMid": "0"}, "type": "ice-candidate", "webrtc_id": self.id}
            await self.send("POST", "/webrtc/offer", json.dumps(body), "application/json")

    def said(self, text: str) -> None:
        message = json.loads(text)
        self.result["messages"].append(message)
        if message["type"] in ("done", "error"):
            self.ended.set()

    async def run(self) -> dict:
        told, loop = self.told, asyncio.get_running_loop()
        peer = RTCPeerConnection()
        recording = Recording(told["audio"], told.get("speed", 1.0))
        sender = peer.addTrack(recording)
        if "codec" in told:
            codecs = RTCRtpSender.getCapabilities("audio").codecs
            transceiver = next(t for t in peer.getTransceivers() if t.sender == sender)
            transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType == told["codec"]])
        channel, channel_is_open = None, asyncio.Event()
        if told.get("channel", True):
            channel = peer.createDataChannel("text")
            channel.on("open", channel_is_open.set)
            channel.on("message", self.said)
        up = asyncio.Event()

        @peer.on("connectionstatechange")
        def changed() -> None:
            if peer.connectionState == "connected":
                up.set()
            elif peer.connectionState in ("closed", "failed"):
                self.ended.set()

        await peer.setLocalDescription(await peer.createOffer())
        sdp = peer.localDescription.sdp
        answer = await self.offer(without_candidates(sdp) if told.get("trickle") else sdp)
        if answer is None:
            await peer.close()
            return self.result
        self.result["answer"] = answer
        if told.get("trickle"):
            await self.trickle(candidates(sdp))
        if "relay" in told:
            # Media goes through a relay at another port.
            answer = re.sub(r"(a=candidate:\S+ 1 udp \d+ \S+) \d+", rf"\1 {told['relay']}", answer)
        reading = None
        if told.get("transcript"):
            opened = asyncio.Event()
            url = f"{self.url}/transcript?webrtc_id={self.id}"
            reading = asyncio.create_task(asyncio.to_thread(transcript, url, self.headers, opened, loop))
            await opened.wait()
        if told.get("connect", True):
            begun = time.monotonic()
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await asyncio.wait_for(up.wait(), 30)
            self.result["connect_seconds"] = time.monotonic() - begun
        if channel:
            await asyncio.wait_for(channel_is_open.wait(), 30)
            if "say" in told:
                channel.send(told["say"])
        if "hang_up_after" in told:
            while not any(m["type"] == told["hang_up_after"] for m in self.result["messages"]):
                await asyncio.sleep(0.01)
        else:
            # A server that ends the connection takes no more of the recording.
            waits = [asyncio.create_task(event.wait()) for event in (recording.ended, self.ended)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            # What was sent arrives before what is sent now.
            await asyncio.sleep(0.3)
            if told.get("again"):
                self.result["again"] = await self.offer(sdp)
            if told.get("end") == "delete":
                await self.send("DELETE", self.place, None, "text/plain")
            elif channel and channel.readyState == "open" and told.get("end") != "hang up":
                channel.send(json.dumps({"type": "finish"}))
        if told.get("end") != "hang up" and "hang_up_after" not in told and channel:
            await asyncio.wait_for(self.ended.wait(), 60)
        await peer.close()
        if reading:
            self.result["transcript"] = await asyncio.wait_for(reading, 60)
        return self.result


async def main(told: list[dict]) -> None:
    if any(one.get("redundancy") for one in told):
        aiortc.codecs.OpusEncoder = BrowserEncoder
    print(json.dumps(await asyncio.gather(*(Client(one).run() for one in told))))


told = json.loads(sys.argv[1])
asyncio.run(main(told if isinstance(told, list) else [told]))
