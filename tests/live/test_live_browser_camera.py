"""A browser's camera as the source: frames by WebSocket, and what is no frame."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from rppg_fast.live import LiveSession, State
from rppg_fast.live.browser_camera import (
    FULL_RANGE,
    HEADER,
    I420,
    JPEG,
    LONGEST,
    NV12,
    BrowserCamera,
    FrameError,
    read_message,
)
from rppg_fast.live.server import LiveServer
from rppg_fast.reading import Status
from rppg_fast.yuv import to_bgr
from tests.support.demo import DEMO_BPM, TOLERANCE_BPM, demo_frames
from tests.support.live import PATIENCE, Frame, until

#: Frames a second that are sent: the server takes no more than 65.
RATE = 60.0
#: Levels, 0 to 255, by which a converted pixel may differ from the one that was sent.
TOLERANCE_LEVELS = 12


def message(
    kind: int, width: int, height: int, time_s: float, body: bytes, flags: int = 0
) -> bytes:
    return HEADER.pack(kind, flags, width, height, 0, time_s) + body


def planes(frame: Frame, kind: int) -> bytes:
    packed = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)
    height = len(frame)
    y, chroma = packed[:height], packed[height:].reshape(2, -1)
    return y.tobytes() + (chroma if kind == I420 else chroma.T).tobytes()


@pytest.fixture
def session() -> Iterator[LiveSession]:
    with LiveSession(BrowserCamera()) as session:
        yield session


@pytest.fixture
def server(session: LiveSession) -> Iterator[LiveServer]:
    with LiveServer(session, port=0) as server:
        yield server


def give_camera(server: LiveServer) -> ClientConnection:
    return connect(server.url.replace("http", "ws") + "camera", proxy=None)


@pytest.mark.slow
@pytest.mark.alone
def test_the_known_pulse_is_read_from_planes_that_a_browser_sends(
    server: LiveServer, session: LiveSession
) -> None:
    frames = demo_frames()[: 8 * 30]
    begun = time.monotonic()
    with give_camera(server) as camera:
        for index, (frame, time_s) in enumerate(frames):
            camera.send(message(I420, 320, 320, time_s, planes(frame, I420)))
            time.sleep(max(0.0, begun + index / RATE - time.monotonic()))
        face = until(
            lambda: (
                (faces := session.snapshot.faces)
                and faces[0].reading.status is Status.OK
                and session.snapshot.frames + session.snapshot.dropped >= 0.9 * len(frames)
                and faces[0]
            )
        )
    assert face.reading.heart_rate_bpm == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)
    gone = until(lambda: (now := session.snapshot).state is State.WAITING and now)
    assert gone.reason == "the browser sends no picture"


@pytest.mark.parametrize("kind", [I420, NV12, JPEG])
def test_a_frame_of_each_kind_is_the_picture_that_was_sent(
    server: LiveServer, session: LiveSession, kind: int
) -> None:
    frame = cv2.GaussianBlur(demo_frames()[0][0], (9, 9), 0).astype(np.uint8)
    if kind == JPEG:
        body = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    else:
        body = planes(frame, kind)
    with give_camera(server) as camera:
        for index in range(3):  # FFmpeg may keep a picture until the next one comes
            camera.send(message(kind, 320, 320, index / 30, body))
        newest = until(lambda: session.newest)
        until(lambda: session.snapshot.frames >= 2)
    shown = to_bgr(newest.frame).astype(int)
    assert np.abs(shown - frame).mean() < TOLERANCE_LEVELS / 4
    assert np.percentile(np.abs(shown - frame), 99) < TOLERANCE_LEVELS


def test_odd_sizes_and_ranges_are_taken() -> None:
    body = bytes(17 * 19 + 2 * 9 * 10)
    found = read_message(message(I420, 17, 19, 0.5, body, FULL_RANGE))
    assert (found.width, found.height, found.time_s) == (17, 19, 0.5)


WRONG = {
    "nothing": b"",
    "a header alone": HEADER.pack(I420, 0, 32, 32, 0, 0.0),
    "no such kind": message(9, 32, 32, 0.0, bytes(1536)),
    "too few bytes": message(I420, 32, 32, 0.0, bytes(1535)),
    "too many bytes": message(NV12, 32, 32, 0.0, bytes(1537)),
    "no pixels": message(I420, 0, 0, 0.0, bytes(1)),
    "too many pixels": message(JPEG, 65535, 65535, 0.0, bytes(10)),
    "no time": message(I420, 32, 32, float("nan"), bytes(1536)),
    "endless time": message(I420, 32, 32, float("inf"), bytes(1536)),
    "too long": message(JPEG, 640, 480, 0.0, bytes(LONGEST)),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_frame_is_refused(case: str) -> None:
    with pytest.raises(FrameError):
        read_message(WRONG[case])


def test_a_wrong_frame_ends_the_connection_and_the_next_browser_is_taken(
    server: LiveServer, session: LiveSession
) -> None:
    for wrong in (WRONG["too few bytes"], "text"):
        with give_camera(server) as camera:
            camera.send(wrong)
            with pytest.raises(ConnectionClosed) as closed:
                camera.recv(PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1003
    body = planes(np.full((240, 320, 3), 90, np.uint8), I420)
    with give_camera(server) as camera:
        camera.send(message(I420, 320, 240, 0.0, body))
        until(lambda: session.snapshot.frames == 1)


def test_pictures_that_cannot_be_decoded_are_left_out(
    server: LiveServer, session: LiveSession
) -> None:
    picture = cv2.imencode(".jpg", np.full((240, 320, 3), 90, np.uint8))[1].tobytes()
    huge = bytearray(picture)
    at = picture.index(b"\xff\xc0")
    huge[at + 5 : at + 9] = struct.pack(">HH", 65500, 65500)
    bodies = [b"\xff\xd8 no picture", bytes(huge), picture[: len(picture) // 2], b"\0"]
    with give_camera(server) as camera:
        for index, body in enumerate([*bodies, picture, picture, picture]):
            camera.send(message(JPEG, 320, 240, index / 30, body))
            time.sleep(0.02)
        until(lambda: session.snapshot.frames >= 1)
        assert session.newest is not None
        assert session.newest.frame.shape[:2] == (240, 320)
        assert session.source.damaged >= 2


def test_one_browser_at_a_time_gives_its_camera(server: LiveServer) -> None:
    with give_camera(server), pytest.raises(InvalidStatus), give_camera(server):
        pass


def test_without_need_no_browsers_camera_is_taken() -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    with (
        LiveSession([(frame, 0.0)]) as session,
        LiveServer(session, port=0) as server,
        pytest.raises(InvalidStatus),
        give_camera(server),
    ):
        pass
