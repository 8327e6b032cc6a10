from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import rppg_fast as rf
from rppg_fast import _core

ROOT = Path(__file__).parents[2]


def python(code: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Packages that measuring does not need before a video is opened.
OF_OTHERS = {
    *("av", "cv2", "torch", "scipy", "matplotlib", "safetensors", "tqdm", "skimage", "onnx"),
    *("starlette", "uvicorn", "websockets", "rich"),
}
# These, and what takes long to load of NumPy and of Python.
HEAVY = {*OF_OTHERS, "numpy", "argparse", "ctypes", "dataclasses", "inspect", "json"}


def loaded_by(code: str, folder: Path) -> set[str]:
    """Return the top-level modules that a new process has loaded after running some code."""
    shown = "print(*{name.split('.')[0] for name in sys.modules})"
    return set(python(f"import sys; {code}; {shown}", folder).split())


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_by("import rppg_fast", tmp_path)
    assert "rppg_fast" in loaded
    assert not HEAVY & loaded
    assert not {"numpy", "av"} & loaded_by("import rppg_fast.cli", tmp_path)


def test_measuring_needs_numpy_alone_until_a_video_is_opened(tmp_path: Path) -> None:
    commands = "from rppg_fast.cli import demo, evaluate, export, info, live, measure, record"
    everything = f"{commands}; from rppg_fast import *; HeartRateMonitor()"
    loaded = loaded_by(everything, tmp_path)
    assert {"numpy", "rppg_fast"} <= loaded
    assert not OF_OTHERS & loaded


def imported_for_type_checkers() -> dict[str, tuple[str, str]]:
    """Return the names of the package as type checkers see them, with their modules and names."""
    package = ast.parse(Path(rf.__file__).read_text())
    (block,) = (node for node in package.body if isinstance(node, ast.If))
    return {
        name.asname or name.name: (node.module or "", name.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def test_every_public_name_is_what_type_checkers_see() -> None:
    static = imported_for_type_checkers()
    assert static.keys() == {*rf.__all__, "cuda"} == set(dir(rf))
    for name, (module, original) in static.items():
        if name == "cuda":
            assert rf.cuda is import_module("rppg_fast.cuda")
            continue
        assert getattr(rf, name) is getattr(import_module(module), original), name
        assert getattr(rf, name) is vars(rf)[name], f"{name} is looked up again at every use"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'rppg_fast' has no attribute 'measures'"):
        rf.measures  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("where", ["repository root", "elsewhere"])
def test_the_package_works_from_any_folder(where: str, tmp_path: Path) -> None:
    """In the repository root, the source folder hides an installed package."""
    folder = ROOT if where == "repository root" else tmp_path
    assert python("import rppg_fast; print(rppg_fast.__version__)", folder) == rf.__version__


def test_the_program_without_python_is_installed_too(tmp_path: Path) -> None:
    program = Path(sysconfig.get_path("scripts"), "rppg-fast-stream")
    if not program.exists():
        pytest.skip("the package was built without it: RPPG_PROGRAM=OFF")
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert printed.stdout == f"rppg-fast-stream {rf.__version__}\n"
    grey = bytes([90]) * (64 * 64 * 3 * 60)
    options = ["--size", "64x64", "--box", "0,0,64,64", "--fps", "10", "--summary"]
    done = subprocess.run([program, *options], input=grey, capture_output=True, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert b'"frames": 60' in done.stdout


def test_version_is_the_same_everywhere() -> None:
    assert rf.__version__ == version("rppg_fast") == _core.__version__


def test_everything_public_is_there_and_documented() -> None:
    stub = ast.parse((Path(rf.__file__).parent / "_core.pyi").read_text())
    native = {
        node.name: ast.get_docstring(node)
        for node in stub.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }
    for name in rf.__all__:
        value = getattr(rf, name)
        if isinstance(value, (str, tuple)):
            continue
        # Native objects are documented in the stub. A dataclass without a docstring has its
        # signature in place of one.
        text = native[name] if value.__module__ == "rppg_fast._core" else value.__doc__
        assert text, f"{name} has no documentation"
        assert not text.startswith(f"{name}("), f"{name} has no documentation"


def argument_names(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def native_argument_names(function: object) -> list[str]:
    signature = str(function.__doc__).splitlines()[0]
    inside = signature[signature.index("(") + 1 : signature.rindex(") ->")]
    return re.findall(r"(?:^|, )(\w+):", inside)


def test_the_stubs_name_arguments_as_the_native_module_does() -> None:
    stub = ast.parse((Path(rf.__file__).parent / "_core.pyi").read_text())
    checked = 0
    for node in stub.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = getattr(_core, node.name) if isinstance(node, ast.ClassDef) else _core
        for member in members:
            if not isinstance(member, ast.FunctionDef) or member.decorator_list:
                continue
            native = native_argument_names(getattr(owner, member.name))
            assert argument_names(member) == native, f"{owner}.{member.name}"
            checked += 1
    assert checked > 15


def defined(node: ast.ClassDef) -> Iterator[str]:
    """Name the methods, classes and members of enums in a stub's class."""
    for member in node.body:
        if isinstance(member, (ast.FunctionDef, ast.ClassDef)):
            yield member.name
        elif isinstance(member, ast.Assign):
            yield from (target.id for target in member.targets if isinstance(target, ast.Name))


def test_the_stubs_mirror_the_native_module() -> None:
    stub = ast.parse((Path(rf.__file__).parent / "_core.pyi").read_text())
    names = set()
    for node in stub.body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
            native = getattr(_core, node.name)
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    assert hasattr(native, member.name), f"{node.name}.{member.name}"
            public = {m for m in vars(native) if not m.startswith("_")}
            assert public <= set(defined(node)), node.name
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    native_names = {n for n in vars(_core) if not n.startswith("__")} | {"__version__"}
    assert names == native_names


def test_the_package_is_typed_and_ships_its_assets() -> None:
    package = Path(_core.__file__).parent
    for folder in {package, Path(rf.__file__).parent}:
        for name in (
            "py.typed",
            "_core.pyi",
            "assets/student.safetensors",
            "assets/teacher.safetensors",
            "assets/demo.mp4",
        ):
            if (
                folder == package
                and "site-packages" in str(package)
                and not (package / "__init__.py").exists()
            ):
                continue  # an editable install has only the compiled module there
            assert (folder / name).is_file(), folder / name
