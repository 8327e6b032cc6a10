"""Put real fingers' pulses into filmed faces: exactly as requested, without other changes."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage", "torch"):
    pytest.importorskip(module, reason="the injector needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast.reference import Reference  # noqa: E402
from tests.support.people import Person, filmed, still  # noqa: E402
from training.data.catalogue import draw_split, read_catalogue, real_clips  # noqa: E402
from training.data.finger import CLOSE, Finger, InjectedPulse, draw_pulse  # noqa: E402
from training.data.follow import FacePath, follow_face  # noqa: E402
from training.data.inject import main as inject  # noqa: E402
from training.data.injection import Look, SkinPulse, measured_amplitude  # noqa: E402
from training.data.skin import GRID, skin_masks  # noqa: E402
from training.data.timed_video import ENCODERS, write_timed_video  # noqa: E402
from training.evaluate.compression import kept  # noqa: E402
from training.evaluate.compression import main as compression  # noqa: E402

SPLIT = Path(__file__).parents[2] / "training" / "splits" / "real.json"

# The skin's mean is measured over its soft mask, whose edge gets less pulse than its centre.
AMPLITUDE_TOLERANCE = 0.1
# Half a unit of the file's clock, 1/90000 s, plus the decoder's rounding.
TIME_TOLERANCE = 1e-5
# At 30 frames per second, the phase of a beat over 20 s gives the rate to a tenth of a percent.
RATE_TOLERANCE_BPM = 0.5
FPS, RATE = 15.0, 84.0


def uneven_times(count: int) -> Any:
    return np.cumsum(np.random.default_rng(3).uniform(0.02, 0.06, count))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_file_keeps_the_frames_own_times(encoder: str, tmp_path: Path) -> None:
    times = uneven_times(40)
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (37, 51, 3)).astype(np.uint8) for _ in times]
    path = tmp_path / f"video{ENCODERS[encoder]}"
    write_timed_video(path, zip(frames, times), encoder, 14)
    read = list(rf.VideoFile(path))
    assert len(read) == len(frames)
    np.testing.assert_allclose([time for _, time in read], times - times[0], atol=TIME_TOLERANCE)
    if encoder == "ffv1":
        for (frame, _), written in zip(read, frames):
            np.testing.assert_array_equal(frame, written)
    else:
        assert read[0][0].shape == (36, 50, 3)


def test_a_frame_that_is_not_later_is_refused(tmp_path: Path) -> None:
    frame = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match="not later"):
        write_timed_video(tmp_path / "a.nut", [(frame, 1.0), (frame, 1.0)], "ffv1", 14)


def made_up_finger(folder: Path, seconds: float = 80.0, rate: float = 70.0) -> Path:
    """Write a phone's record of a finger: red falls at each beat; breathing modulates the rate."""
    times = np.arange(0, seconds, 1 / 29.7)
    phase = rate / 60 * times + 0.08 * np.sin(2 * np.pi * 0.22 * times)
    beat = np.cos(2 * np.pi * phase) + 0.4 * np.cos(4 * np.pi * phase - 1.0)
    rows = [f"{1000 * t:.0f},{240 - 3 * b:.4f},0.0,0.0" for t, b in zip(times, beat)]
    path = folder / "subject_01" / "PPG.csv"
    path.parent.mkdir(parents=True)
    path.write_text("time,R,G,B\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("rate", [52.0, 84.0, 131.0])
def test_a_fingers_pulse_gets_the_wanted_rate(rate: float, tmp_path: Path) -> None:
    finger = Finger.read(made_up_finger(tmp_path))
    times = np.arange(0, 20, 1 / 30) + 5.0
    pulse = draw_pulse([finger], times, rate, np.random.default_rng(2))
    assert abs(pulse.heart_rate.mean() - rate) < RATE_TOLERANCE_BPM
    assert pulse.heart_rate.std() > 0.01 * rate  # the beats vary like the finger's
    assert abs(rf.spectrum(pulse.ppg, 30.0).heart_rate - rate) < CLOSE
    np.testing.assert_allclose([pulse.ppg.mean(), pulse.ppg.std()], [0, 1], atol=1e-9)
    # A central difference over 1/15 s reduces the slope of the second harmonic by some percent.
    change = (pulse.ppg[2:] - pulse.ppg[:-2]) * 15
    assert np.corrcoef(change, pulse.slope[1:-1])[0, 1] > 0.99
    assert abs(change.std() / pulse.slope.std() - 1) < 0.1


def test_a_ppg_rises_where_the_fingers_red_falls(tmp_path: Path) -> None:
    path = made_up_finger(tmp_path)
    red = np.loadtxt(path, delimiter=",", skiprows=1)[:, 1]
    assert np.corrcoef(Finger.read(path).ppg, red)[0, 1] < -0.999


def test_a_record_that_is_too_short_is_named(tmp_path: Path) -> None:
    finger = Finger.read(made_up_finger(tmp_path, seconds=12.0))
    with pytest.raises(ValueError, match=r"120 bpm over 20\.0 s"):
        draw_pulse([finger], np.arange(0, 20.01, 0.05), 120.0, np.random.default_rng(0))


def sine(times: Any, rate: float = RATE) -> InjectedPulse:
    omega = 2 * np.pi * rate / 60
    size = np.sqrt(2.0)
    return InjectedPulse(
        ppg=size * np.sin(omega * times),
        slope=size * omega * np.cos(omega * times),
        heart_rate=np.full_like(times, rate),
        finger="a sine",
        stretch=1.0,
    )


def lock_in(signal: Any, times: Any, rate: float = RATE) -> complex:
    """Return relative amplitude and phase at a rate: standard deviation, negative for a fall."""
    reference = np.exp(-2j * np.pi * rate / 60 * times)
    change = signal / signal.mean() - 1
    return complex(np.sqrt(2.0) * 1j * np.mean(change * reference))


@pytest.mark.parametrize("percent", [0.3, 0.6, 2.0])
def test_plain_skin_gets_the_wanted_amplitude_and_color(percent: float) -> None:
    """A constant carrier shows any rounding error."""
    times = np.arange(250) / FPS
    count = len(times)
    frame = np.full((151, 121, 3), (95, 120, 170), np.uint8)
    ones = np.ones((count, 2))
    path = FacePath(ones * (60.3, 75.2), ones * (52.0, 66.0), np.ones(count))
    side = np.linspace(-1, 1, GRID)
    disc = np.clip(4 * (0.7 - np.hypot(side[None], side[:, None])), 0, 1).astype(np.float32)
    masks = np.broadcast_to(disc, (count, GRID, GRID))
    skin = SkinPulse(path, masks, sine(times), Look(), np.random.default_rng(5))
    dither = np.random.default_rng(6)
    made = [skin.add(frame, i, percent / 100, dither) for i in range(count)]
    measured = measured_amplitude([frame] * count, made, skin)
    assert abs(100 * measured / percent - 1) < AMPLITUDE_TOLERANCE
    # The same measurement without the injector's mask: pixels well inside the disc.
    cut = np.stack(made)[:, 60:90, 48:72].astype(np.float64).mean(axis=(1, 2))
    blue, green, red = (lock_in(cut[:, c], times) for c in range(3))
    assert green.real < 0  # skin becomes darker when blood flows in
    assert abs(green.imag) < 0.1 * abs(green)
    np.testing.assert_allclose([red / green, blue / green], [0.33 / 0.77, 0.53 / 0.77], atol=0.08)
    outside = np.ones(frame.shape[:2], bool)
    outside[75 - 50 : 75 + 51, 60 - 40 : 60 + 41] = False
    assert all(np.array_equal(one[outside], frame[outside]) for one in made)


def test_no_amplitude_changes_nothing() -> None:
    times = np.arange(8) / FPS
    frames = list(np.random.default_rng(0).integers(0, 256, (8, 90, 80, 3)).astype(np.uint8))
    ones = np.ones((8, 2))
    path = FacePath(ones * 40.0, ones * 50.0, np.ones(8))
    skin = SkinPulse(
        path, np.ones((8, GRID, GRID), np.float32), sine(times), Look(), np.random.default_rng(0)
    )
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(skin.add(frame, i, 0.0, np.random.default_rng(1)), frame)


def walker(seconds: float, bpm: float = 0.0) -> list[tuple[Any, float]]:
    """Return frames of a swaying person without a pulse, at uneven times."""
    times = np.arange(0, seconds, 1 / FPS)
    times[1:] += np.random.default_rng(4).uniform(-0.008, 0.008, len(times) - 1)

    def place(time: float) -> tuple[float, float]:
        return 210 + 25 * np.sin(0.9 * time), 125 + 8 * np.sin(1.3 * time)

    return list(filmed([Person(bpm, place)], [float(t) for t in times]))


def test_the_mask_moves_with_the_face_and_has_no_rhythm() -> None:
    frames = walker(6.0)
    path, times = follow_face(frames)
    true = np.array([(210 + 25 * np.sin(0.9 * t), 125 + 8 * np.sin(1.3 * t)) for t in times])
    off = path.centre - true
    # MTCNN's box has a constant offset from the centre of the pasted head; only its change counts.
    assert np.abs(off - off.mean(axis=0)).max() < 3.0
    area = skin_masks(frames, path, times).sum(axis=(1, 2))
    assert area.std() / area.mean() < 0.02
    assert np.abs(np.diff(area)).max() / area.mean() < 0.01


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a catalogue of one clip, clips injected into it, and its negatives."""
    folder = tmp_path_factory.mktemp("injected")
    (folder / "real").mkdir()
    write_timed_video(folder / "real" / "walk.nut", walker(10.6), "ffv1", 14)
    entry = {"file": "walk.nut", "faces": 1, "seen": "somebody who sways", "seconds": 10.6}
    entry |= {"classical_agree": None, "origin": "made up", "licence_of_origin": "none"}
    (folder / "real" / "catalogue.json").write_text(json.dumps([entry]))
    made_up_finger(folder / "fingers")
    return folder


def run(folder: Path, out: str, *options: str) -> int:
    catalogue = ["--catalogue", str(folder / "real" / "catalogue.json")]
    places = ["--fingers", str(folder / "fingers"), "--out", str(folder / out)]
    return inject([*catalogue, *places, *options])


@pytest.mark.slow
def test_a_clip_has_its_pulse_its_truth_and_its_origin(made: Path) -> None:
    assert run(made, "lossless", "--encoder", "ffv1", "--amplitudes", "1.2", "0") == 0
    folder = made / "lossless" / "walk-1.2-1"
    about = json.loads((folder / "clip.json").read_text())
    assert about["kind"] == "injected"
    assert about["carrier"]["origin"] == "made up"
    kept = about["amplitude_after_encoding_percent"]
    assert abs(kept / 1.2 - 1) < AMPLITUDE_TOLERANCE
    truth = Reference.read(folder / "ground_truth.txt")
    frames = list(rf.VideoFile(folder / "video.nut"))
    np.testing.assert_allclose(truth.times, [time for _, time in frames], atol=TIME_TOLERANCE)
    assert abs(truth.heart_rate.mean() - about["true_mean_rate_bpm"]) < 0.01
    assert 45.0 <= about["true_mean_rate_bpm"] <= 150.0
    # Nothing changes far from the face, and nothing changes with amplitude 0.
    none = list(rf.VideoFile(made / "lossless" / "walk-0-1" / "video.nut"))
    for (frame, _), (still_frame, _), (before, _) in zip(
        frames, none, rf.VideoFile(made / "real" / "walk.nut")
    ):
        np.testing.assert_array_equal(still_frame, before)
        np.testing.assert_array_equal(frame[:, :60], before[:, :60])
        assert not np.array_equal(frame, before)
    found = rf.measure(folder / "video.nut")
    assert found.status is rf.Status.OK
    assert found.heart_rate_bpm is not None
    assert abs(found.heart_rate_bpm - about["true_mean_rate_bpm"]) < CLOSE
    assert rf.measure(made / "lossless" / "walk-0-1" / "video.nut").status is not rf.Status.OK


@pytest.mark.slow
def test_strong_compression_leaves_less_of_a_pulse(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {}
    for crf in (14, 34):
        assert run(made, f"crf{crf}", "--amplitudes", "1.2", "--crf", str(crf)) == 0
        (found[crf],) = kept(made / f"crf{crf}")
    assert found[34].bits_per_pixel < 0.5 * found[14].bits_per_pixel
    assert found[34].share < found[14].share
    file = made / "crf14" / "walk-1.2-1" / "video.mp4"
    conditions = rf.measure(file).conditions
    assert conditions is not None
    assert conditions.bits_per_pixel == pytest.approx(found[14].bits_per_pixel)
    capsys.readouterr()
    assert compression([str(made / "crf14"), str(made / "crf34")]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert sum(int(row.split("|")[2]) for row in rows) == 2


def test_the_same_command_goes_on_and_other_settings_are_refused(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--amplitudes", "0.6", "--limit-seconds", "6")
    assert run(made, "again", *options) == 0
    files = {path: path.stat().st_mtime_ns for path in (made / "again").rglob("*.*")}
    assert run(made, "again", *options) == 0
    assert files == {path: path.stat().st_mtime_ns for path in (made / "again").rglob("*.*")}
    assert run(made, "again", *options, "--seed", "2") == 3
    assert "made with other settings" in capsys.readouterr().err


@pytest.mark.slow
def test_negatives_are_what_they_say_and_hold_no_pulse(made: Path) -> None:
    assert run(made, "none", "--kind", "none-variants", "--encoder", "ffv1") == 0
    clips = {}
    for path in (made / "none").glob("*/clip.json"):
        about = json.loads(path.read_text())
        clips[about["variant"]] = path.parent / about["video"], about
    assert set(clips) == {"exposure", "flicker", "grey", "photo-shaken", "photo-panned"}
    for variant, (video, about) in clips.items():
        assert about["kind"] == "negative"
        assert about["living"] != variant.startswith("photo")
        assert rf.measure(video).status is not rf.Status.OK, variant
    grey, _ = next(iter(rf.VideoFile(clips["grey"][0])))
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
    original = np.array([frame.mean() for frame, _ in rf.VideoFile(made / "real" / "walk.nut")])
    for variant, low, high in (("exposure", 0.05, 0.1), ("flicker", 0.005, 0.015)):
        video, about = clips[variant]
        seen = [(frame.mean(), time) for frame, time in rf.VideoFile(video)]
        level, times = np.array(seen).T
        reference = np.exp(-2j * np.pi * about["rhythm_bpm"] / 60 * times)
        gain = level / original
        size = 2 * abs(np.mean((gain - gain.mean()) * reference))
        assert 0.9 * low < size < 1.1 * high


def test_who_is_in_which_part_follows_the_written_rule() -> None:
    split = json.loads(SPLIT.read_text())
    assert draw_split(split["groups"]) == {part: split[part] for part in ("dev", "test")}
    files = [name for group in split["groups"] for name in group["files"]]
    assert len(files) == len(set(files))
    sides = [
        {part for part in ("dev", "test") for name in group["files"] if name in split[part]}
        for group in split["groups"]
    ]
    assert all(len(side) == 1 for side in sides)
    kinds = {group["kind"] for group in split["groups"]}
    for part in ("dev", "test"):
        assert {g["kind"] for g, side in zip(split["groups"], sides) if side == {part}} == kinds


def test_the_split_knows_every_real_clip(data: Path) -> None:
    catalogue = data / "real" / "catalogue.json"
    clips = real_clips(catalogue, "all")
    assert len(clips) == len(read_catalogue(catalogue)) + 1  # the additional one is evm_face.mp4
    names = [clip.name for part in ("dev", "test") for clip in real_clips(catalogue, part)]
    assert sorted(names) == sorted(clip.name for clip in clips)
    own = {clip.name for clip in clips if clip.own_rate is not None}
    assert {"face05.mp4", "face34.mp4"} <= own
    assert "face36.mp4" not in own


def test_a_catalogue_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text('[{"file": "a.mp4"}]')
    with pytest.raises(ValueError, match=r"catalogue\.json: not a catalogue"):
        read_catalogue(path)


def test_dark_and_grey_faces_have_skin() -> None:
    """Tests a fifth of the light, and a picture without color."""
    times = list(np.arange(10) / FPS)
    plain = list(islice(filmed([Person(0, still(210.0))], times), 10))
    path, moments = follow_face(plain)
    usual = skin_masks(plain, path, moments) > 0.5
    dark = [((0.2 * frame).astype(np.uint8), time) for frame, time in plain]
    grey = [(np.repeat(frame[..., 1:2], 3, axis=2), time) for frame, time in plain]
    for frames in (dark, grey):
        mask = skin_masks(frames, path, moments) > 0.5
        both = (mask & usual).sum() / (mask | usual).sum()
        assert both > 0.7
