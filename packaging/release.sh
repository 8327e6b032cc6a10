#!/usr/bin/env bash
# Adds to the files of a release their parts, as CycloneDX, and their sums.
# Usage: packaging/release.sh FOLDER
#
# FOLDER holds the files, with a wheel for the Python that runs this. `sha256sum -c SHA256SUMS` checks
# them where they were downloaded to.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The package with all that its page and cameras bring along.
python3 -m venv "$work/package"
tag=$(python3 -c 'import sys; print(f"cp{sys.version_info[0]}{sys.version_info[1]}")')
"$work/package/bin/pip" install --quiet "$(echo rppg_fast-*-"$tag-$tag"-*linux*_x86_64.whl)[camera,live]"
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet cyclonedx-bom
"$work/tools/bin/cyclonedx-py" environment --pyproject "$root/pyproject.toml" --output-reproducible \
  --output-format JSON --output-file rppg_fast.cdx.json "$work/package/bin/python"
find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum -- >"$work/sums"
mv "$work/sums" SHA256SUMS
cat SHA256SUMS
