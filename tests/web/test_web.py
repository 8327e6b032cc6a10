"""The engine as a WebAssembly module, in Node: what native code reads, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.yuv import YuvFrame
from tests.support.demo import DEMO_BOX, DEMO_BPM, TOLERANCE_BPM, demo_frames
from tests.support.live import Frame
from tests.support.web import built_site, node, rgba

pytestmark = pytest.mark.slow

#: Relative difference of the times of samples, which JavaScript counts from the first one, in each
#: 1 / rate: one addition is rounded otherwise.
TIME_TOLERANCE = 1e-15
#: Bytes of the module, and of the module with the weights of the face detector.
LARGEST, LARGEST_WITH_DETECTOR = 500_000, 2_600_000
#: Frames of the clip that are measured: more than a full window.
FRAMES = 420
#: CPU time of a frame of 320x320 pixels, ms; and of one of 640x480.
MOST_MS = 3.0

#: Measures the frames of a file; `given.options` are those of the monitor.
MEASURE = """
import fs from "node:fs";
const { HeartRateMonitor, FacesMonitor } = await import(given.module);
const kind = given.several ? FacesMonitor : HeartRateMonitor;
const monitor = await kind.create(given.options);
const { width, height, bytes, image, times } = given;
const film = new Uint8Array(fs.readFileSync(given.film).buffer);
const begun = process.cpuUsage();
const readings = times.map((time, i) => {
  const data = film.subarray(i * bytes, (i + 1) * bytes);
  return monitor.push({ data, width, height, ...image }, time);
});
const { user, system } = process.cpuUsage(begun);
const number = given.several ? readings.at(-1)[0]?.number ?? 0 : undefined;
const { times: pulseTimes, values } = monitor.pulse(number);
const spectrum = monitor.spectrum(number);
answer({
  readings,
  box: monitor.box ?? null,
  pulse: { times: Array.from(pulseTimes), values: Array.from(values) },
  spectrum: spectrum && { ...spectrum, power: Array.from(spectrum.power) },
  settings: monitor.settings,
  ms: (user + system) / 1000 / times.length,
});
"""


@pytest.fixture(scope="module")
def package() -> Path:
    return built_site() / "package"


@pytest.fixture(scope="module")
def module(package: Path) -> str:
    return (package / "rppg_fast.js").as_uri()


def measured(
    module: str, folder: Path, frames: list[tuple[bytes, float]], size: tuple[int, int], **more: Any
) -> Any:
    """Measure frames, given as bytes, by the module."""
    film = folder / "film"
    film.write_bytes(b"".join(data for data, _ in frames))
    width, height = size
    given: dict[str, Any] = {"options": {}, "several": False, "image": {}, **more}
    return node(
        MEASURE,
        module=module,
        film=str(film),
        times=[time for _, time in frames],
        bytes=len(frames[0][0]),
        width=width,
        height=height,
        **given,
    )


def planes(frame: Frame) -> YuvFrame:
    """Return a frame as a camera has it."""
    packed = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).astype(np.uint8)
    height, width = frame.shape[:2]
    u, v = packed[height:].reshape(2, height // 2, width // 2)
    return YuvFrame(packed[:height], u, v, matrix="bt709")


def nv12(frame: YuvFrame) -> bytes:
    assert frame.u is not None
    assert frame.v is not None
    return frame.y.tobytes() + np.stack([frame.u, frame.v], axis=-1).tobytes()


def assert_same(found: dict[str, Any], expected: rf.Reading) -> None:
    """Compare a reading with that of native code, to the last bit."""
    wanted = expected.to_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == value, name


def portable(**options: Any) -> rf.HeartRateMonitor:
    student = rf.Student.load(backend="portable")
    return rf.HeartRateMonitor(student=student, **options)


@pytest.mark.parametrize("where", ["face", "box"])
def test_readings_are_those_of_portable(module: str, tmp_path: Path, where: str) -> None:
    clip = demo_frames()[:FRAMES]
    box = None if where == "face" else DEMO_BOX
    options = {} if box is None else {"box": dict(zip(("x0", "y0", "x1", "y1"), box))}
    frames = [(rgba(frame), time) for frame, time in clip]
    found = measured(module, tmp_path, frames, (320, 320), options=options)
    monitor = portable(box=box)
    for reading, (frame, time) in zip(found["readings"], clip):
        assert_same(reading, monitor.push(frame, time))
    assert monitor.box is not None
    assert list(found["box"].values()) == list(monitor.box)
    last = found["readings"][-1]
    assert last["heart_rate_bpm"] == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)
    times, values = monitor.pulse
    np.testing.assert_allclose(found["pulse"]["times"], times, rtol=TIME_TOLERANCE)
    assert found["pulse"]["values"] == values.tolist()
    settings = {name: getattr(rf.PulseSettings(), name) for name in found["settings"]}
    assert found["settings"] == settings


def test_planes_of_a_camera_are_read_as_native_code_reads_them(module: str, tmp_path: Path) -> None:
    clip = [(planes(frame), time) for frame, time in demo_frames()[:200]]
    frames = [(nv12(frame), time) for frame, time in clip]
    image = {"format": "nv12", "matrix": "bt709", "full_range": False}
    found = measured(module, tmp_path, frames, (320, 320), image=image)
    monitor = portable()
    for reading, (frame, time) in zip(found["readings"], clip):
        assert_same(reading, monitor.push(frame, time))


def test_two_faces_have_readings_of_their_own(module: str, tmp_path: Path) -> None:
    clip = demo_frames()[:240]
    frames = [(rgba(np.hstack([frame, frame[:, ::-1]])), time) for frame, time in clip]
    found = measured(module, tmp_path, frames, (640, 320), several=True, options={"most": 3})
    last = found["readings"][-1]
    assert [face["number"] for face in last] == [1, 2]
    for face in last:
        assert face["reading"]["status"] == "ok"
        assert face["reading"]["heart_rate_bpm"] == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)
    peak = np.argmax(found["spectrum"]["power"])
    rate = 60 * (found["spectrum"]["first_hz"] + peak * found["spectrum"]["step_hz"])
    assert rate == pytest.approx(last[0]["reading"]["candidate_bpm"], abs=1.0)


def test_what_is_refused_is_named_and_changes_nothing(module: str) -> None:
    found = node(
        """
        const { HeartRateMonitor, FacesMonitor, RppgError } = await import(given.module);
        const said = {};
        const hear = async (name, call) => {
          try { await call(); said[name] = null; }
          catch (error) { said[name] = [error.name, error.code ?? null, error.message]; }
        };
        const box = { x0: 0, y0: 0, x1: 36, y1: 36 };
        for (const [name, options] of Object.entries({
          "no such option": { speed: 3 }, "a text for a number": { low: "1" },
          "half a peak": { peaks: 1.5 }, "a band upside down": { low: 3, high: 1 },
          "no such method": { method: "magic" }, "no such backend": { backend: "avx2" },
          "no weights": { box: undefined, face_weights: new Uint8Array(3) },
          "a number for a module": { wasm: 3 }, "no file": { wasm: "file:///nowhere" },
          "a broken module": { wasm: new Uint8Array(8) },
        })) await hear(name, () => HeartRateMonitor.create({ box, ...options }));
        await hear("no faces", () => FacesMonitor.create({ most: 0 }));
        await hear("no create", () => new HeartRateMonitor());
        const monitor = await HeartRateMonitor.create({ box });
        const data = new Uint8ClampedArray(64 * 64 * 4).fill(99);
        const image = { data, width: 64, height: 64 };
        monitor.push(image, 1);
        for (const [name, given, time] of [
          ["no image", undefined, 2], ["a list", { ...image, data: [1] }, 2],
          ["too few bytes", { ...image, data: data.subarray(4) }, 2],
          ["half a pixel", { ...image, width: 63.5 }, 2], ["no pixels", { ...image, width: 0 }, 2],
          ["a huge frame", { ...image, width: 65536, height: 16385 }, 2],
          ["no such format", { ...image, format: "jpeg" }, 2],
          ["no such matrix", { ...image, matrix: "bt1" }, 2],
          ["a box outside", { data: new Uint8Array(32 * 32 * 4), width: 32, height: 32 }, 2],
          ["a text for a time", image, "2"], ["no time", image, NaN], ["no later time", image, 1],
        ]) await hear(name, () => monitor.push(given, time));
        said.after = monitor.push(image, 1.1).status;
        monitor.close();
        await hear("closed", () => monitor.push(image, 3));
        said.bytes = monitor.bytes;
        answer(said);
        """,
        module=module,
    )
    assert found.pop("after") == "warming_up"
    assert found.pop("bytes") == 0
    expected = {
        "no such option": ("TypeError", "speed"),
        "a text for a number": ("TypeError", "low"),
        "half a peak": ("TypeError", "peaks"),
        "a band upside down": ("RppgError", "band"),
        "no such method": ("RppgError", "magic"),
        "no such backend": ("RppgError", "avx2"),
        "no weights": ("RppgError", "face weights"),
        "a number for a module": ("TypeError", "wasm"),
        "no file": ("Error", "nowhere"),
        "a broken module": ("CompileError", ""),
        "no faces": ("RangeError", "most"),
        "no create": ("TypeError", "create"),
        "no image": ("TypeError", "data"),
        "a list": ("TypeError", "data"),
        "too few bytes": ("RangeError", "16384"),
        "half a pixel": ("RangeError", "63.5"),
        "no pixels": ("RangeError", "0x64"),
        "a huge frame": ("RangeError", "65536"),
        "no such format": ("RangeError", "nv12"),
        "no such matrix": ("RangeError", "bt709"),
        "a box outside": ("RppgError", "box"),
        "a text for a time": ("TypeError", "time"),
        "no time": ("RppgError", "time"),
        "no later time": ("RppgError", "time"),
        "closed": ("RppgError", "closed"),
    }
    assert found.keys() == expected.keys()
    for case, (name, part) in expected.items():
        assert found[case] is not None, f"{case} is refused"
        assert found[case][0] == name, (case, found[case])
        assert part in found[case][2], (case, found[case])
    assert {found[case][1] for case in ("no time", "no later time")} == {"time"}
    assert found["no weights"][1] == "weights"


def test_memory_stays_the_same_and_is_given_back(module: str) -> None:
    """After the largest frame nothing grows, whatever is refused on the way."""
    found = node(
        """
        const { HeartRateMonitor } = await import(given.module);
        const monitor = await HeartRateMonitor.create();
        const image = { data: new Uint8Array(640 * 480 * 4), width: 640, height: 480 };
        const look = (from, to) => {
          for (let i = from; i < to; i++) {
            image.data.fill(100 + (i % 7));
            monitor.push(image, i / 30);
            try { monitor.push(image, i / 30); } catch {}
            if (i % 30 === 0) { monitor.pulse(); monitor.spectrum(); }
          }
          return monitor.bytes;
        };
        const sizes = [look(0, 120), look(120, 600)];
        monitor.close();
        answer([...sizes, monitor.bytes]);
        """,
        module=module,
    )
    assert found[0] == found[1] < 64 << 20
    assert found[2] == 0


def test_the_files_are_small(package: Path) -> None:
    engine = (package / "rppg_fast.wasm").stat().st_size
    assert engine <= LARGEST
    assert engine + (package / "mtcnn.safetensors").stat().st_size <= LARGEST_WITH_DETECTOR


def test_the_package_has_the_version_and_its_files(package: Path) -> None:
    described = json.loads((package / "package.json").read_text("utf-8"))
    assert described["version"] == rf.__version__
    names = {file.name for file in package.iterdir()}
    listed = {name for pattern in described["files"] for name in names if Path(name).match(pattern)}
    assert names == listed | {"package.json"}


def test_the_types_are_those_of_the_code(package: Path, tmp_path: Path) -> None:
    if (checker := shutil.which("tsc")) is None:
        pytest.skip("there is no tsc here: npm install --global typescript")
    for file in ("rppg_fast.js", "rppg_fast.d.ts", "engine.js"):
        shutil.copy(package / file, tmp_path)
    (tmp_path / "use.ts").write_text(
        """
        import { FacesMonitor, HeartRateMonitor, RppgError, type Reading } from "./rppg_fast.js";
        const monitor = await HeartRateMonitor.create({ method: "pos", min_window: 5 });
        const image = { data: new Uint8ClampedArray(4), width: 1, height: 1 };
        const reading: Reading = monitor.push(image, 0.5);
        const rate: number | null = reading.heart_rate_bpm;
        const { times, values }: { times: Float64Array; values: Float64Array } = monitor.pulse();
        for (const face of (await FacesMonitor.create({ most: 2 })).push(image, 1)) {
          const left: number | undefined = face.box?.x0;
        }
        try { monitor.close(); } catch (error) { if (error instanceof RppgError) error.code; }
        // @ts-expect-error: there is no such method
        await HeartRateMonitor.create({ method: "magic" });
        // @ts-expect-error: a rate may be missing
        const sure: number = reading.heart_rate_bpm;
        """,
        "utf-8",
    )
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "es2022"]
    done = subprocess.run(
        [checker, *options, "--lib", "es2022,dom", "--moduleResolution", "bundler", "use.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.alone
@pytest.mark.parametrize("size", [320, 640])
def test_a_frame_takes_at_most_three_milliseconds(module: str, tmp_path: Path, size: int) -> None:
    clip = [(cv2.resize(frame, (size, size * 3 // 4)), time) for frame, time in demo_frames()[:300]]
    frames = [(rgba(frame.astype(np.uint8)), time) for frame, time in clip]
    found = measured(module, tmp_path, frames, (size, size * 3 // 4))
    assert found["ms"] <= MOST_MS
