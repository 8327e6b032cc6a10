#!/usr/bin/env bash
# The engine for browsers: FOLDER/package, which npm publishes, and FOLDER/page, a site of plain files.
# Usage: packaging/web.sh FOLDER
#
# Needs Python, and Ninja or make. The compiler is zig, from the PyPI package ziglang. RPPG_TOOLS
# keeps the tools for the next time.
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "${RPPG_TOOLS:-$work/tools}"
tools=${RPPG_TOOLS:-$work/tools}/bin
"$tools/pip" install --quiet -c "$root/constraints.txt" ziglang cmake ninja

"$tools/cmake" -S "$root" -B "$work/build" -G Ninja "-DCMAKE_MAKE_PROGRAM=$tools/ninja" \
  "-DCMAKE_TOOLCHAIN_FILE=$root/cmake/wasm32.cmake" "-DRPPG_ZIG=$tools/python;-m;ziglang"
"$tools/cmake" --build "$work/build"
"$tools/cmake" --install "$work/build" --prefix "$out"
ls -l "$out/package"
