"""The commands, options, names and links on the pages exist, and their Python runs."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import io
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import cv2
import pytest

import rppg_fast as rf
from rppg_fast import cli
from tests.support.pages import ROOT, Block, anchors, blocks, commands, links, pages, prose
from tests.support.weights import TEACHER_METADATA, random_teacher, safetensors_bytes

#: The manual. Each of its blocks must name a language, so that the tests below find it.
MANUAL = [page for page in pages() if page.parent in (ROOT, ROOT / "docs")]
#: Blocks on pages beside the code may have no language: they are shell commands.
SHELL = ("", "sh")

#: The Python of this page needs a GPU: it is compiled and its names are checked, but it is not run.
NEEDS_A_GPU = ROOT / "docs" / "cuda.md"

#: The files that the Python of the pages opens; copies of the demonstration clip replace them.
DEMO = ROOT / "rppg_fast" / "assets" / "demo.mp4"
VIDEOS = ("face.mp4", "family.mp4")

#: Folders of the project whose files are named in commands; other paths are the reader's own.
FOLDERS = ("tests/", "bench/", "training/", "rppg_fast/", "csrc/", "packaging/", ".ci/")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def shown_commands() -> list[tuple[str, str]]:
    """Return every command on every page, in a block or in the text, with its page."""
    found = []
    for page in pages():
        texts = [block.text for block in blocks(page) if block.language in SHELL]
        texts += [
            code
            for code in re.findall(r"`([^`\n]+)`", prose(page))
            if re.match(r"(python -m|rppg-fast|rppg-fast-stream|pip install|nox|pytest) ", code)
        ]
        found += [(name(page), command) for text in texts for command in commands(text)]
    return found


COMMANDS = shown_commands()


def of_program(pattern: str) -> list[tuple[str, str]]:
    return [shown for shown in COMMANDS if re.match(pattern, shown[1])]


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))


def read(*patterns: str) -> str:
    """Return the text of all files of the project that match a pattern."""
    files = [file for pattern in patterns for file in sorted(ROOT.glob(pattern))]
    assert files, patterns
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@cache
def help_of(*command: str) -> str:
    """Return what ``rppg-fast COMMAND --help`` prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0, command
    return output.getvalue()


def help_of_stream() -> str:
    sources = [read(str(file.relative_to(ROOT))) for file in ROOT.glob("csrc/**/options.cpp")]
    (text,) = re.findall(r'R"\((usage: rppg-fast-stream.*?)\)"', "\n".join(sources), re.DOTALL)
    return str(text)


# --- Commands ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", MANUAL, ids=name)
def test_every_block_of_the_manual_names_its_language(page: Path) -> None:
    for block in blocks(page):
        assert block.language in {"sh", "python", "c", "cmake", "js", "text"}, block.text


def test_the_commands_of_rppg_fast_exist_with_their_options() -> None:
    shown = of_program(r"rppg-fast( |$)")
    assert len(shown) > 5
    for page, line in shown:
        command = line.split()[1]
        text = help_of() if command.startswith("-") else help_of(command)
        assert options(line) <= options(text), f"{page}: {line}"


def test_the_options_of_rppg_fast_stream_exist() -> None:
    shown = of_program("rppg-fast-stream ")
    assert len(shown) > 3
    for page, line in shown:
        assert options(line) <= options(help_of_stream()), f"{page}: {line}"


def test_every_option_of_the_programs_is_documented() -> None:
    for command in ("measure", "evaluate", "live", "record", "export"):
        assert options(help_of(command)) <= options(read("docs/command-line.md"))
    assert options(help_of_stream()) <= options(read("docs/c-cpp.md"))


def test_modules_exist_with_their_options() -> None:
    shown = of_program(r"(\w+=\S+ )*(python|torchrun .*?) ?-m ")
    assert len(shown) > 20
    sources = read("training/**/*.py", "bench/**/*.py", "tests/**/*.py")
    for page, line in shown:
        module = line.partition("-m ")[2].split()[0]
        assert importlib.util.find_spec(module) is not None, f"{page}: {line}"
        if module.split(".")[0] in ("training", "bench", "tests"):
            given = options(line.partition(module)[2])
            assert all(f'"{one}"' in sources for one in given), f"{page}: {line}"


def test_paths_in_commands_exist() -> None:
    checked = 0
    for page, line in COMMANDS:
        for word in re.split(r"[\s,=\"]+", line):
            path = word.partition("::")[0].removeprefix("./")
            if path.startswith(FOLDERS):
                assert list(ROOT.glob(path.rstrip("/"))), f"{page}: {line}: {path}"
                checked += 1
    assert checked > 20


def test_extras_build_options_and_sessions_exist() -> None:
    project, nox = read("pyproject.toml"), read("noxfile.py")
    build = read("CMakeLists.txt", "cmake/*.cmake")
    for page, line in COMMANDS:
        for extras in re.findall(r"\.\[([\w,]+)\]", line):
            for extra in extras.split(","):
                assert re.search(rf"^{extra} = \[", project, re.MULTILINE), f"{page}: {line}"
        for option in re.findall(r"(?:-D|cmake\.define\.)(RPPG_\w+)", line):
            assert re.search(rf"(option|set)\({option} ", build), f"{page}: {line}"
        for session in re.findall(r"^nox -s (\w+)", line):
            assert f"def {session}(session" in nox, f"{page}: {line}"


# --- Python and C -----------------------------------------------------------------------------

PYTHON = [block for page in pages() for block in blocks(page) if block.language == "python"]


def resolve(node: ast.expr) -> object:
    """Return the object ``rf.a.b``; None for any other expression. Fails if it does not exist."""
    if isinstance(node, ast.Name):
        return rf if node.id == "rf" else None
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value)
        return None if owner is None else getattr(owner, node.attr)
    return None


def takes(function: object, keyword: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    except ValueError:  # a native function has its signature in its docstring
        return f"{keyword}:" in str(getattr(function, "__doc__", ""))
    # Options that are passed on belong to the monitor.
    handed_on = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return any(one.name == keyword for one in parameters) or (
        handed_on and keyword in inspect.signature(rf.HeartRateMonitor).parameters
    )


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: name(block.page))
def test_python_names_what_exists(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.Attribute):
            resolve(node)
        if isinstance(node, ast.Call) and (function := resolve(node.func)) is not None:
            for keyword in node.keywords:
                assert takes(function, str(keyword.arg)), ast.unparse(node)


@pytest.mark.parametrize("page", sorted({block.page for block in PYTHON} - {NEEDS_A_GPU}), ids=name)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs all blocks of a page in order, with the demonstration clip and random weights."""
    for video in VIDEOS:
        shutil.copy(DEMO, tmp_path / video)
    weights = safetensors_bytes(random_teacher(), TEACHER_METADATA)
    (tmp_path / "teacher.safetensors").write_bytes(weights)
    monkeypatch.chdir(tmp_path)
    camera = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda source: camera(VIDEOS[0]))
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, name(page), "exec"), names)
    assert names["rf"] is rf


def test_the_readme_reads_the_demonstration(capsys: pytest.CaptureFixture[str]) -> None:
    """The page's Python prints the known heart rate, 72 bpm, from the file and frame by frame."""
    (block,) = [block for block in PYTHON if block.page == ROOT / "README.md"]
    exec(block.text.replace("face.mp4", DEMO.as_posix()), {})
    of_file, *readings = capsys.readouterr().out.splitlines()
    assert float(of_file) == pytest.approx(72.0, abs=1.0)
    assert len(readings) > 100
    assert "bpm" in readings[-1]


def test_c_compiles(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    found = [block for page in MANUAL for block in blocks(page) if block.language == "c"]
    assert found
    for block in found:
        source = tmp_path / "block.c"
        source.write_text(
            "#include <rppg_fast.h>\nint read_frame(uint8_t* pixels, double* time_s);\n"
            "void use(int width, int height, uint8_t* pixels, double time_s, rppg_box box);\n"
            "void use(int width, int height, uint8_t* pixels, double time_s, rppg_box box) {\n"
            f"{block.text}}}\n"
        )
        arguments = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(source)]
        (header,) = ROOT.glob("csrc/**/rppg_fast.h")
        done = subprocess.run(
            [compiler, f"-I{header.parent}", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


# --- Links ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue  # an external link; tests do not use the network
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor.startswith("rppg_fast."):  # anchors generated from docstrings
            assert f"::: {anchor}\n" in target.read_text(encoding="utf-8"), link
        elif anchor:
            assert anchor in anchors(target), link


def test_every_page_of_the_manual_is_reached() -> None:
    menu = read("mkdocs.yml")
    for page in (ROOT / "docs").glob("*.md"):
        assert f": {page.name}\n" in menu, page.name
