"""MkDocs hook: files outside ``docs/`` that a page links to become part of the site.

Pages link to the repository as it lies on disk, such as ``../training/RESULTS.md``, so that a
reader of the source can follow the links, too. In the site every file keeps its path below the
root. Markdown files become pages, and the files that they link to are added, too. A link to a
notebook leads to its page; see ``notebooks.py``.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

#: A relative link of Markdown: what stands before the target, the target, its anchor.
LINK = re.compile(r"(\]\()(?!\w+:|#|/)([^)#\s]+)(#[^)\s]*)?(?=\))")

ROOT = Path(__file__).parent.parent


def _target(page: str, link: str) -> str:
    """Return the path, from the repository's root, of what a page there links to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def _in_site(path: str) -> str:
    """Return the path in the site of a file of the repository; of a notebook, its page's."""
    path = path.removeprefix("docs/")
    return re.sub(r"\.ipynb$", ".md", path)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that pages link to, and those that these pages link to."""
    pages = [f"docs/{file.src_uri}" for file in files if file.src_uri.endswith(".md")]
    pages += ["CHANGELOG.md", "CONTRIBUTING.md"]
    seen = set(pages)
    for page in pages:  # grows while it is read
        if not page.startswith("docs/"):
            files.append(File.generated(config, page, content=_text(ROOT / page)))
        for _, link, _ in LINK.findall(_text(ROOT / page)):
            path = _target(page, link)
            if path in seen or path.startswith("docs/") or not (ROOT / path).is_file():
                continue
            seen.add(path)
            if path.endswith(".md"):
                pages.append(path)
            else:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links within the repository into links within the site."""
    source = page.file.src_uri
    inside = source if (ROOT / source).is_file() else f"docs/{source}"

    def link(match: re.Match[str]) -> str:
        before, target, anchor = match.groups()
        path = _in_site(_target(inside, target))
        return f"{before}{posixpath.relpath(path, posixpath.dirname(source) or '.')}{anchor or ''}"

    return LINK.sub(link, markdown)
