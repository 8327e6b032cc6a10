from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

import rppg_fast as rf
from tests.support.weights import (
    METADATA,
    SHAPES,
    Tensors,
    random_tensors,
    safetensors_bytes,
    with_header,
)

GOOD = safetensors_bytes(random_tensors())
HEADER_END = 8 + int.from_bytes(GOOD[:8], "little")
TENSOR_BYTES = len(GOOD) - HEADER_END


def load(data: bytes) -> rf.Student:
    return rf.Student(data, "some.safetensors")


def changed(**tensors: object) -> bytes:
    """Return the valid file with some tensors replaced, or left out if None."""
    merged = {**random_tensors(), **{k.replace("__", "."): v for k, v in tensors.items()}}
    return safetensors_bytes({k: v for k, v in merged.items() if v is not None})  # type: ignore[misc]


def with_metadata(**entries: object) -> bytes:
    merged = {**METADATA, **entries}
    return safetensors_bytes(
        random_tensors(), {k: str(v) for k, v in merged.items() if v is not None}
    )


def edited(old: str, new: str) -> bytes:
    header = GOOD[8:HEADER_END].decode()
    assert old in header
    return with_header(header.replace(old, new, 1), GOOD[HEADER_END:])


def nan_bias() -> Tensors:
    return {"conv2__bias": np.full(64, np.nan, np.float32)}


def test_what_the_safetensors_library_writes_is_read_the_same() -> None:
    tensors = random_tensors()
    motion = np.random.default_rng(0).standard_normal((3, 3, 36, 36)).astype(np.float32)
    theirs, ours = load(save(tensors, METADATA)), load(GOOD)
    np.testing.assert_array_equal(theirs(motion), ours(motion))


def test_tensors_may_come_in_any_order() -> None:
    tensors = random_tensors()
    motion = np.ones((1, 3, 36, 36), np.float32)
    reordered = safetensors_bytes({name: tensors[name] for name in reversed(SHAPES)})
    np.testing.assert_array_equal(load(reordered)(motion), load(GOOD)(motion))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", r"too short .*\(0 bytes\)"),
        (b"hello", "too short"),
        (b"this is some text, not weights", "not a safetensors file, or it is cut off"),
        (GOOD[: HEADER_END - 1], "cut off"),
        (
            GOOD[:-1],
            f"cut off: its tensors need {TENSOR_BYTES} bytes, it holds {TENSOR_BYTES - 1}",
        ),
        (GOOD + b"\0", "1 bytes after its last tensor"),
        (b"\xff" * 8 + GOOD[8:], "not a safetensors file"),
        (changed(fc__bias=None), "tensor 'fc.bias' is missing"),
        (changed(extra=np.zeros(3, np.float32)), "unexpected tensor 'extra'"),
        (
            changed(conv1__weight=np.zeros((32, 3, 5, 5), np.float32)),
            r"'conv1.weight' must have shape \(32, 3, 3, 3\), has \(32, 3, 5, 5\)",
        ),
        (changed(conv1__bias=np.zeros(32)), "'conv1.bias' must be F32, is F64"),
        (changed(**nan_bias()), "'conv2.bias' has a value that is not finite"),
        (changed(fc__bias=np.array([np.inf], np.float32)), "'fc.bias' has a value that is not"),
        (with_metadata(format=None), "metadata lacks 'format'"),
        (with_metadata(format="other"), "format is 'other'"),
        (with_metadata(version="2"), "version is '2'; this release reads version 1"),
        (with_metadata(input="raw"), "input is 'raw', neither"),
        (edited('"F32"', '"F32", "dtype": "F32"'), "has 'dtype' twice"),
        (edited('"dtype"', '"kind"'), "unknown field 'kind'"),
        (edited('"fc.bias"', '"fc.weight"'), "tensor 'fc.weight' twice"),
        (edited("[0, 3456]", "[0, 3460]"), "overlaps another or leaves a gap"),
        (edited("[0, 3456]", "[4, 3456]"), "overlaps another or leaves a gap"),
        (edited("[0, 3456]", "[0, 99999999999999999999]"), "impossibly large number"),
        (edited("[0, 3456]", "[0, -1]"), "no whole number"),
        (edited("[0, 3456]", "[0]"), "lacks its dtype, shape or pair of offsets"),
        (edited('"__metadata__"', '"__metadata__": {}, "__metadata__"'), "'__metadata__' twice"),
        (edited('"1"', '"1", "version": "1"'), "metadata has 'version' twice"),
        (edited('"1"', "1"), "not valid JSON"),
        (with_header("{}", b""), "metadata lacks 'format'"),
        (with_header("", b""), "not valid JSON"),
        (with_header("{} x", b""), "goes on after its end"),
        (with_header('{"a', b""), "ends too early"),
        (with_header("[" * 100_000, b""), "not valid JSON"),
        (edited('"1"', r'"\q"'), "unknown escape"),
        (edited('"1"', r'"\ud800"'), "half a surrogate pair"),
    ],
)
def test_anything_else_is_refused_by_name(data: bytes, named: str) -> None:
    with pytest.raises(ValueError, match="^some.safetensors: .*" + named):
        load(data)


@given(st.text(max_size=40))
def test_metadata_comes_back_as_it_was_written(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert load(with_metadata(note=text)).metadata["note"] == text
    plain = json.dumps({"__metadata__": {**METADATA, "note": text}}, ensure_ascii=False)
    tail = GOOD[8:HEADER_END].decode().split("}, ", 1)[1]
    assert load(with_header(plain[:-1] + ", " + tail, GOOD[HEADER_END:])).metadata["note"] == text


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^some\.safetensors: "):
        load(data)
    with pytest.raises(ValueError, match=r"^some\.safetensors: "):
        load(len(data).to_bytes(8, "little") + data)


@given(at=st.integers(0, HEADER_END - 1), value=st.integers(0, 255))
def test_a_flipped_header_byte_is_refused_or_harmless(at: int, value: int) -> None:
    data = bytearray(GOOD)
    data[at] = value
    try:
        metadata = load(bytes(data)).metadata
    except ValueError as error:
        assert str(error).startswith("some.safetensors: ")  # noqa: PT017
    else:
        assert metadata["version"] == "1"


@given(st.integers(0, len(GOOD) - 1))
def test_every_cut_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"^some\.safetensors: "):
        load(GOOD[:length])


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        rf.Student.load(tmp_path / "none.safetensors")


def test_file_and_memory_give_the_same_student(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(GOOD)
    assert rf.Student.load(path).sha256 == load(GOOD).sha256
