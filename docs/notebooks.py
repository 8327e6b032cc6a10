"""MkDocs hook: each notebook in ``docs/notebooks`` is run and becomes a page with its outputs.

The notebooks are stored without outputs. A cell that fails fails the build. While ``mkdocs serve``
runs, a notebook is run again only when it has changed.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

FOLDER = Path(__file__).parent / "notebooks"

#: In HTML: a link of Markdown to a notebook leads to its page.
_DOWNLOAD = '<p><a href="{name}" download>Download this page as a notebook</a></p>'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures of all notebooks."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        page, pictures = _run(path, path.read_text(encoding="utf-8"))
        place = path.parent.name
        files.append(File.generated(config, f"{place}/{path.stem}.md", content=page))
        for name, content in pictures:
            files.append(File.generated(config, f"{place}/{name}", content=content))
    return files


@cache
def _run(path: Path, text: str) -> tuple[str, tuple[tuple[str, bytes], ...]]:
    """Run a notebook in its folder; return its page in Markdown, and its pictures by name."""
    notebook = nbformat.reads(text, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        startup_timeout=300,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    client.execute(env={**os.environ, "TQDM_DISABLE": "1"})  # no progress bars on the page
    page, resources = MarkdownExporter().from_notebook_node(
        notebook, resources={"unique_key": path.stem}
    )
    title, _, rest = page.lstrip().partition("\n")
    download = _DOWNLOAD.format(name=path.name)
    page = f"{title}\n\n{download}\n{rest}".replace("![png](", "![Output of the cell](")
    return page, tuple(resources["outputs"].items())
