"""Every kind of video file is read correctly, or refused with the right message."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import rppg_fast as rf
from tests.support.zoo import (
    BOX,
    BPM,
    HEIGHT,
    SECONDS,
    WIDTH,
    Kind,
    Timed,
    fit,
    said_interlaced,
    scene,
    times_at,
    woven,
    write,
)

TOLERANCE_BPM = 0.5
# A cut clip has windows of 5 s, whose spectral lines are twice as wide.
CUT_TOLERANCE_BPM = 1.5
# Grey levels, mean over the picture: effect of the encoder and of chroma subsampling.
COLOR_TOLERANCE = 3.0
# s; the coarsest clocks are Matroska's, and a GIF's of a hundredth of a second.
TIME_TOLERANCE = 0.0011

# If a frame begins at the end of an MPEG pack, FFmpeg gives it the time of the next frame, and the
# frames up to the next stored time are one frame late.
PACK_TOLERANCE = 1 / 25

X264 = {"preset": "ultrafast", "crf": "16"}
X265 = {"preset": "ultrafast", "crf": "16", "x265-params": "log-level=none"}
REORDERED = {"preset": "veryfast", "crf": "16"}
VPX = {"deadline": "realtime", "cpu-used": "8", "crf": "15", "b": "2M"}
AV1 = {"preset": "12", "crf": "20", "svtav1-params": "lp=1"}
MPEG = {"b": "4M"}
JPEG = {"qmin": "2", "qmax": "3"}
NTSC = 30000 / 1001

KINDS = {
    "mp4, h264": Kind("mp4", "libx264", options=X264),
    "mp4, h264 with reordered frames": Kind("mp4", "libx264", options=REORDERED),
    "mp4, h264 baseline": Kind("mp4", "libx264", options={**X264, "profile": "baseline"}),
    "mp4, h264 4:2:2": Kind("mp4", "libx264", "yuv422p", X264),
    "mp4, h264 4:4:4": Kind("mp4", "libx264", "yuv444p", X264),
    "mkv, h264 of 10 bits": Kind("mkv", "libx264", "yuv420p10le", X264),
    "mkv, h264 of rgb": Kind("mkv", "libx264rgb", "bgr24", X264),
    "mp4, h264 full range": Kind("mp4", "libx264", options=X264, full_range=True),
    "mp4, h264 bt709": Kind("mp4", "libx264", options=X264, matrix="bt709"),
    "mp4, h264 at 15 a second": Kind("mp4", "libx264", options=X264, fps=15.0),
    "mp4, h264 at 60 a second": Kind("mp4", "libx264", options=X264, fps=60.0),
    "mp4, h264 in fragments": Kind(
        "mp4", "libx264", options=X264, muxing={"movflags": "frag_keyframe+empty_moov"}
    ),
    "mov, h264 at 24 a second": Kind("mov", "libx264", options=X264, fps=24.0),
    "flv, h264 at 25 a second": Kind("flv", "libx264", options=X264, fps=25.0),
    "ts, h264": Kind("ts", "libx264", options=REORDERED, format="mpegts"),
    "avi, h264 with reordered frames": Kind("avi", "libx264", options=REORDERED),
    "mkv, h264 from 5 s on": Kind("mkv", "libx264", options=X264, start=5.0),
    "mp4, hevc": Kind("mp4", "libx265", options=X265),
    "mkv, hevc of 10 bits, bt2020": Kind("mkv", "libx265", "yuv420p10le", X265, matrix="bt2020"),
    "webm, vp8": Kind("webm", "libvpx", options=VPX),
    "webm, vp9": Kind("webm", "libvpx-vp9", options=VPX),
    "webm, vp9 4:4:4": Kind("webm", "libvpx-vp9", "yuv444p", VPX),
    "webm, av1": Kind("webm", "libsvtav1", options=AV1),
    "mp4, av1 of 10 bits": Kind("mp4", "libsvtav1", "yuv420p10le", AV1),
    "mpg, mpeg1": Kind("mpg", "mpeg1video", options=MPEG),
    "mpg, mpeg2": Kind("mpg", "mpeg2video", options=MPEG),
    "ts, mpeg2 4:2:2": Kind("ts", "mpeg2video", "yuv422p", MPEG, "mpegts"),
    "mxf, mpeg2": Kind("mxf", "mpeg2video", options=MPEG, fps=25.0),
    "avi, mpeg4": Kind("avi", "mpeg4", options=MPEG),
    "mp4, mpeg4 with reordered frames": Kind("mp4", "mpeg4", options={**MPEG, "bf": "2"}),
    "3gp, h263": Kind("3gp", "h263", options=MPEG, size=(144, 176)),
    "wmv, wmv2": Kind("wmv", "wmv2", options=MPEG, format="asf"),
    "dv, 4:1:1": Kind("dv", "dvvideo", "yuv411p", fps=NTSC, size=(480, 720)),
    "avi, mjpeg": Kind("avi", "mjpeg", "yuvj420p", JPEG, full_range=True),
    "mov, mjpeg 4:2:2": Kind("mov", "mjpeg", "yuvj422p", JPEG, full_range=True),
    "mov, prores of 10 bits": Kind("mov", "prores_ks", "yuv422p10le"),
    "avi, huffyuv": Kind("avi", "huffyuv", "yuv422p"),
    "avi, huffyuv of rgb": Kind("avi", "huffyuv", "rgb24"),
    "avi, utvideo": Kind("avi", "utvideo", "yuv422p"),
    "mov, qtrle of rgb": Kind("mov", "qtrle", "rgb24"),
    "mkv, ffv1": Kind("mkv", "ffv1"),
    "mkv, ffv1, odd size": Kind("mkv", "ffv1", size=(HEIGHT + 1, WIDTH - 1)),
    "mkv, ffv1 of 12 bits": Kind("mkv", "ffv1", "yuv444p12le"),
    "mkv, ffv1 of 16 bits": Kind("mkv", "ffv1", "yuv420p16le"),
    "mkv, ffv1 of rgb": Kind("mkv", "ffv1", "bgr0"),
    "mkv, ffv1 of rgb with 10 bits": Kind("mkv", "ffv1", "gbrp10le"),
    "mkv, ffv1 with transparency": Kind("mkv", "ffv1", "yuva420p"),
    "mkv, ffv1 4:1:0": Kind("mkv", "ffv1", "yuv410p"),
    "mkv, ffv1 4:4:0": Kind("mkv", "ffv1", "yuv440p"),
    "mkv, ffv1 in grey": Kind("mkv", "ffv1", "gray"),
    "mkv, ffv1 in grey of 12 bits": Kind("mkv", "ffv1", "gray12le"),
    "avi, raw, rows from the bottom up": Kind("avi", "rawvideo", "bgr24"),
    "mov, raw uyvy": Kind("mov", "rawvideo", "uyvy422"),
    "nut, raw nv12": Kind("nut", "rawvideo", "nv12"),
    "nut, raw of 10 bits, big end first": Kind("nut", "rawvideo", "yuv420p10be"),
    "gif": Kind("gif", "gif", "rgb8", fps=25.0),
    "gif in grey": Kind("gif", "gif", "gray", fps=25.0),
    "apng": Kind("apng", "apng", "rgb24", {"pred": "none"}, "apng"),
    "y4m": Kind("y4m", "wrapped_avframe", format="yuv4mpegpipe"),
}


@cache
def clip(fps: float = 30.0) -> list[Timed]:
    """Return the drawn clip at a frame rate."""
    return scene(times_at(fps))


def written(path: Path, kind: Kind) -> list[Timed]:
    """Write the clip; return its frames."""
    if kind.encoder not in av.codecs_available:
        pytest.skip(f"this av has no encoder {kind.encoder}")
    frames = clip(kind.fps)
    if kind.size != (HEIGHT, WIDTH):
        frames = fit(frames, kind.size)
    write(path, kind, frames)
    return frames


def time_tolerance(path: Path) -> float:
    """Return the largest error of a frame's time, s."""
    return PACK_TOLERANCE if path.suffix == ".mpg" else TIME_TOLERANCE


def check(path: Path, frames: int) -> rf.Measurement:
    """Measure a file; check that its pulse is read and that no frame is missing."""
    found = rf.measure(path, box=BOX)
    assert found.status is rf.Status.OK
    assert found.heart_rate_bpm == pytest.approx(BPM, abs=TOLERANCE_BPM)
    assert (found.frames + found.skipped_frames, found.damaged_frames) == (frames, 0)
    assert found.skipped_frames <= (path.suffix == ".mpg")
    return found


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_file_is_read(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    path = tmp_path / f"clip.{kind.ending}"
    frames = written(path, kind)
    check(path, len(frames))
    found = list(rf.VideoFile(path))
    times = np.array([time for _, time in found])
    np.testing.assert_allclose(times, [time for _, time in frames], atol=time_tolerance(path))
    assert found[0][0].shape == frames[0][0].shape
    if "gray" not in kind.pixels:
        for index in (0, -1):
            difference = found[index][0].astype(float) - frames[index][0]
            assert np.abs(difference.mean((0, 1))).max() < COLOR_TOLERANCE
    if kind.encoder != "apng" and not kind.start:  # for progress; not all containers state it
        assert rf.VideoFile(path).frame_count == pytest.approx(len(frames), rel=0.1)


@pytest.mark.parametrize("ending", ["h264", "hevc"])
def test_a_stream_without_a_container_needs_a_rate(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{ending}"
    encoder, options = {"h264": ("libx264", X264), "hevc": ("libx265", X265)}[ending]
    frames = written(path, Kind(ending, encoder, options=options))
    with pytest.raises(rf.VideoError, match=rf"bare {ending} stream has no times.*--fps"):
        rf.measure(path, box=BOX)
    found = rf.measure(path, box=BOX, fps=30.0)
    assert found.frames == len(frames)
    assert found.heart_rate_bpm == pytest.approx(BPM, abs=TOLERANCE_BPM)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_picture_is_turned_back(ending: str, degrees: int, tmp_path: Path) -> None:
    """Phones store the sensor's rows, and how to turn them."""
    if ending == "mkv" and not hasattr(av.VideoStream, "set_display_rotation"):
        pytest.skip("this av writes no rotation")
    path = tmp_path / f"clip.{ending}"
    turned = [(np.rot90(frame, -degrees // 90), time) for frame, time in clip()]
    kind = Kind(ending, "libx264", options=X264, size=turned[0][0].shape[:2])
    write(path, replace(kind, rotation=degrees) if ending == "mkv" else kind, turned)
    if ending != "mkv":
        path.write_bytes(with_matrix(path.read_bytes(), degrees))
    check(path, len(turned))
    seen = next(iter(rf.VideoFile(path)))[0]
    assert np.abs(seen.astype(float) - clip()[0][0]).mean() < COLOR_TOLERANCE


def with_matrix(content: bytes, degrees: int) -> bytes:
    """Turn an MP4's track counter-clockwise."""
    sine, cosine = {90: (1, 0), 180: (0, -1), 270: (-1, 0)}[degrees]
    numbers = [cosine, -sine, 0, sine, cosine, 0]
    edited = bytearray(content)
    at = content.index(b"tkhd") + 44  # version and flags, times, number, layer, volume
    struct.pack_into(">6i", edited, at, *(number << 16 for number in numbers))
    return bytes(edited)


INTERLACED = {
    "mp4, h264": Kind("mp4", "libx264", options={**X264, "flags": "+ildct+ilme"}),
    "mpg, mpeg2": Kind("mpg", "mpeg2video", options={**MPEG, "flags": "+ildct+ilme"}),
    "avi, mpeg4": Kind("avi", "mpeg4", options={**MPEG, "flags": "+ildct+ilme"}),
    "mkv, prores": Kind("mkv", "prores_ks", "yuv422p10le", options={"flags": "+ildct+ilme"}),
}


@pytest.mark.parametrize("first", ["tff", "bff"])
@pytest.mark.parametrize("name", INTERLACED)
def test_interlaced_video_is_made_whole(name: str, first: str, tmp_path: Path) -> None:
    kind = INTERLACED[name]
    path = tmp_path / f"clip.{kind.ending}"
    frames = woven(clip(60.0), 0 if first == "tff" else 1)
    write(path, kind, frames, said_interlaced(first))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    check(path, len(frames))
    times = np.array([time for _, time in rf.open_source(path)])
    np.testing.assert_allclose(times, [time for _, time in frames], atol=time_tolerance(path))


@pytest.mark.parametrize("first", [0, 1])
def test_a_moving_edge_has_no_comb(first: int, tmp_path: Path) -> None:
    """The rows of two fields, a sixtieth of a second apart, would make a comb."""
    fields = []
    for index in range(40):
        frame = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        frame[:, 3 * index + 10 :] = 200
        fields.append((frame, index / 60))
    frames = woven(fields, first)
    path = tmp_path / "edge.mp4"
    kind = Kind("mp4", "libx264", options={**X264, "flags": "+ildct+ilme"})
    write(path, kind, frames, said_interlaced("tff" if first == 0 else "bff"))

    def comb(frame: np.ndarray[Any, Any]) -> float:
        rows = frame[..., 1].astype(float)
        return float(np.abs(rows[1:-1] - 0.5 * (rows[:-2] + rows[2:])).mean())

    made = [comb(frame) for frame, _ in rf.VideoFile(path)]
    assert len(made) == len(frames)
    # The filter uses the previous and the next frame; the first and the last frame lack one of
    # them.
    assert np.mean(made[2:-2]) < 0.2 * np.mean([comb(frame) for frame, _ in frames[2:-2]])


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    """A browser's recorder stores frames as they come, and no length of the file."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.choice([0.022, 0.033, 0.050, 0.067], 250)) - 0.022
    times = times - times[0]
    frames = scene([float(t) for t in times])
    file = io.BytesIO()
    unseekable = Unseekable(file)
    write(unseekable, Kind("webm", "libvpx", options=VPX, format="webm"), frames)
    path = tmp_path / "recorded.webm"
    path.write_bytes(file.getvalue())
    assert rf.VideoFile(path).frame_count == 0
    check(path, len(frames))
    found = [time for _, time in rf.open_source(path)]
    np.testing.assert_allclose(found, times, atol=TIME_TOLERANCE)


class Unseekable:
    """A file that can only be written to its end, like a pipe."""

    def __init__(self, file: io.BytesIO) -> None:
        self.write = file.write


def test_an_edit_list_is_followed(tmp_path: Path) -> None:
    """In a clip trimmed on a phone, earlier frames are stored for decoding, but not shown."""
    path = tmp_path / "trimmed.mp4"
    written(path, Kind("mp4", "libx264", options={**X264, "g": "50"}))
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12
    assert struct.unpack_from(">i", content, at + 4) == (0,)  # from the start
    # 8 s, in the movie's unit, from 1 s on, in the track's unit: no keyframe is there.
    (unit,) = struct.unpack_from(">I", content, content.index(b"mvhd") + 16)
    struct.pack_into(">Ii", content, at, 8 * unit, 90000)
    path.write_bytes(content)
    found = check(path, 240)
    assert found.windows[0].start_s == pytest.approx(0.0, abs=0.01)
    assert found.duration_s == pytest.approx(8.0, abs=0.05)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_a_title_that_is_no_text_does_not_matter(ending: str, tmp_path: Path) -> None:
    path, title = tmp_path / f"clip.{ending}", b"a title in UTF-8"
    frames = 30
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title.decode()
        stream = container.add_stream("mpeg4", 30)
        stream.width, stream.height = WIDTH, HEIGHT
        for level in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), 50 + level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert title in content
    path.write_bytes(content.replace(title, b"\xff\xfe\x80\xc3\x28\xa0".ljust(len(title), b"\xe9")))
    assert sum(1 for _ in rf.VideoFile(path)) == frames


def test_an_avi_without_its_index_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    frames = written(path, KINDS["avi, mpeg4"])
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1")])
    check(path, len(frames))


def test_an_mp4_without_its_index_is_refused_and_why(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    written(path, KINDS["mp4, h264"])
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"moov") - 4])
    with pytest.raises(rf.VideoError, match=r"clip\.mp4: an MP4 without its index.*finished"):
        rf.VideoFile(path)


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    """The cover is one packet, larger than the video and stored before it."""
    path = tmp_path / "covered.mkv"
    with av.open(str(path), "w") as container:
        cover: Any = container.add_stream("mjpeg", 1)
        cover.width = cover.height = 400
        cover.pix_fmt = "yuvj420p"
        video: Any = container.add_stream("libx264", 30, options=X264)
        video.height, video.width, video.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        picture = av.VideoFrame.from_ndarray(np.full((400, 400, 3), 90, np.uint8), "bgr24")
        picture.pts = 0
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for frame, time in clip():
            picture = av.VideoFrame.from_ndarray(frame, "bgr24")
            picture.pts, picture.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    check(path, len(clip()))


def test_an_attached_cover_is_no_video(tmp_path: Path) -> None:
    if not hasattr(av.container.OutputContainer, "add_attachment"):
        pytest.skip("this av attaches nothing")
    picture = io.BytesIO()
    still = [(np.full((64, 64, 3), 90, np.uint8), 0.0)]
    write(picture, Kind("", "mjpeg", "yuvj420p", format="mjpeg", size=(64, 64)), still)
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        add_sound(container, "cover.jpg", picture.getvalue())
    with pytest.raises(rf.VideoError, match=r"sound\.mkv: no video: its only picture is a cover"):
        rf.VideoFile(path)


def add_sound(container: Any, name: str = "", cover: bytes = b"") -> None:
    """Write one second of silence, and a cover if one is given."""
    sound = container.add_stream("aac", 16000, layout="mono")
    if cover:
        container.add_attachment(name, "image/jpeg", cover)
    for index in range(16):
        samples = av.AudioFrame.from_ndarray(
            np.zeros((1, 1000), np.float32), format="fltp", layout="mono"
        )
        samples.sample_rate, samples.pts = 16000, 1000 * index
        container.mux(sound.encode(samples))
    container.mux(sound.encode(None))


@pytest.mark.parametrize("ending", ["m4a", "mkv"])
def test_sound_alone_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"sound.{ending}"
    with av.open(str(path), "w", format="mp4" if ending == "m4a" else None) as container:
        add_sound(container)
    with pytest.raises(rf.VideoError, match=rf"sound\.{ending}: no video: audio only"):
        rf.VideoFile(path)


@pytest.mark.parametrize("larger_first", [False, True])
def test_of_several_videos_the_largest_is_read(larger_first: bool, tmp_path: Path) -> None:
    """The smaller video shows only the wall."""
    path = tmp_path / "two.mp4"
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for scale in (1, 2) if larger_first else (2, 1):
            stream: Any = container.add_stream("libx264", 30, options=X264)
            stream.height, stream.width = HEIGHT // scale, WIDTH // scale
            stream.pix_fmt = "yuv420p"
            streams.append(stream)
        for index, (frame, _) in enumerate(clip()):
            for stream in streams:
                shown = frame if stream.width == WIDTH else np.zeros_like(frame[::2, ::2])
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), "bgr24")
                picture.pts, picture.time_base = index, Fraction(1, 30)
                container.mux(stream.encode(picture))
        for stream in streams:
            container.mux(stream.encode(None))
    check(path, len(clip()))


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        (b"evc1", "the video is EVC, and this FFmpeg has no decoder for it: convert it"),
        (b"xyzw", r"the video is of an unknown kind \(xyzw\), and this FFmpeg has no decoder"),
        (b"encv", "the video is encrypted: give a copy without protection"),
    ],
)
def test_what_cannot_be_decoded_is_named(tag: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    written(path, KINDS["mp4, h264"])
    path.write_bytes(path.read_bytes().replace(b"avc1", tag))
    with pytest.raises(rf.VideoError, match=rf"clip\.mp4: {said}"):
        rf.VideoFile(path)


DAMAGED = {
    "mp4": Kind("mp4", "libx264", options=X264, muxing={"movflags": "faststart"}),
    "mkv": KINDS["mkv, ffv1"],
    "webm": KINDS["webm, vp8"],
    "ts": KINDS["ts, h264"],
    "avi": KINDS["avi, mpeg4"],
    "mpg": KINDS["mpg, mpeg2"],
}


def cut(content: bytes, tenth: int) -> bytes:
    """Return the first ``tenth`` tenths of a file."""
    return content[: tenth * len(content) // 10]


def blanked(content: bytes, tenth: int) -> bytes:
    """Replace one tenth of a file by zeros."""
    start, end = tenth * len(content) // 10, (tenth + 1) * len(content) // 10
    return content[:start] + bytes(end - start) + content[end:]


@pytest.mark.parametrize("harm", [cut, blanked])
@pytest.mark.parametrize("ending", DAMAGED)
def test_a_file_without_a_tenth_is_read_right_or_not_at_all(
    ending: str, harm: Callable[[bytes, int], bytes], tmp_path: Path
) -> None:
    if ending == "avi" and harm is blanked and int(av.__version__.split(".")[0]) < 17:
        pytest.skip("this av does not give an AVI's index: what follows a hole comes too early")
    path = tmp_path / f"clip.{ending}"
    written(path, DAMAGED[ending])
    content = path.read_bytes()
    frames = []
    rates = 0
    for tenth in range(1, 10):
        path.write_bytes(harm(content, tenth))
        try:
            found = rf.measure(path, box=BOX)
        except rf.VideoError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017
            frames.append(0)
            continue
        frames.append(found.frames)
        if found.status is rf.Status.OK:
            rates += 1
            assert found.heart_rate_bpm == pytest.approx(BPM, abs=CUT_TOLERANCE_BPM)
        assert found.duration_s <= SECONDS
    if harm is cut:
        assert frames == sorted(frames)
        assert 150 < frames[5] < 250
        assert rates >= 3
    else:
        assert sum(count > 150 for count in frames) >= 6


def test_every_frame_of_a_replaced_rate_counts(tmp_path: Path) -> None:
    """A given rate replaces the file's own times, whatever they are."""
    path = tmp_path / "clip.mkv"
    kind = replace(KINDS["mkv, h264 from 5 s on"], fps=15.0)
    written(path, kind)
    assert [time for _, time in rf.open_source(path, fps=30000 / 1001)][:3] == [
        0.0,
        1001 / 30000,
        2002 / 30000,
    ]
