"""The notebooks of the manual are stored without outputs, and run to their end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from tests.support.pages import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

CLEAN = (
    "clean it: jupyter nbconvert --to notebook --inplace --ClearOutputPreprocessor.enabled=True"
    " --ClearMetadataPreprocessor.enabled=True {}"
)


def name(path: Path) -> str:
    return path.stem


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    """Nor with counts or the program and machine that wrote them: a diff shows what was changed."""
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    clean = CLEAN.format(path.relative_to(ROOT))
    assert stored["metadata"] == {"language_info": {"name": "python"}}, clean
    for cell in stored["cells"]:
        assert cell["metadata"] == {}, clean
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], clean
            assert cell["execution_count"] is None, clean


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_every_notebook_is_in_the_menu_and_on_the_first_page(path: Path) -> None:
    assert f": notebooks/{path.stem}.md\n" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"](notebooks/{path.name})" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebooks_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell runs, and what the notebook asserts holds; no cell warns."""
    notebook = nbformat.read(path, as_version=4)
    monkeypatch.setenv("TQDM_DISABLE", "1")  # no progress bars on stderr
    nbclient.execute(
        notebook,
        str(path.parent),
        kernel_name="python3",
        timeout=600,  # s, for a cell; other tests run beside it
        startup_timeout=300,
    )
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", ()) for output in outputs)
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
