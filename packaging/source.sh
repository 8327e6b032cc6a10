#!/usr/bin/env bash
# The source archive, built once more from itself without a network.
# Usage: packaging/source.sh FOLDER
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet build
"$work/tools/bin/python" -m build --quiet --sdist --outdir "$out" "$root"

# All that a build needs, fetched beforehand; then nothing else can be had.
"$work/tools/bin/pip" download --quiet --dest "$work/needed" "scikit-build-core>=0.11" "pybind11>=2.13" \
  cmake ninja
"$work/tools/bin/pip" wheel --quiet --no-index --find-links "$work/needed" --no-deps \
  --wheel-dir "$work/wheels" "$out"/rppg_fast-*.tar.gz
ls -l "$out"/rppg_fast-*.tar.gz "$work/wheels"
