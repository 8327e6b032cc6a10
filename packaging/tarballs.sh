#!/usr/bin/env bash
# The C library and the program as archives that unpack anywhere, for x86-64 and aarch64.
# Usage: packaging/tarballs.sh FOLDER
#
# Each is tried out here, the one for aarch64 in an emulator (qemu-aarch64, aarch64-linux-gnu-gcc),
# if there is one. Without the static library: it would need this compiler's C++ library.
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
also=()
# shellcheck source=packaging/zig.sh
source "$(dirname "$0")/zig.sh"

try_out() {
  local folder=$1
  shift
  # 12 s of grey frames: no pulse, and the program must say so.
  head -c $((64 * 64 * 3 * 120)) /dev/zero | tr '\0' 'd' |
    "$@" "$folder/bin/rppg-fast-stream" --size 64x64 --box 0,0,64,64 --fps 10 | tail -1 |
    grep low_signal
}

for processor in aarch64 x86_64; do
  name=rppg_fast-$version-linux-$processor
  use_compilers "$processor"
  # shellcheck disable=SC2046
  "$tools/cmake" -S "$root" -B "$work/$name-build" -G Ninja \
    "-DCMAKE_MAKE_PROGRAM=$tools/ninja" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR=lib \
    -DRPPG_PYTHON=OFF -DRPPG_STATIC_LIBRARY=OFF -DRPPG_STATIC_RUNTIME=OFF $(cmake_options "$processor")
  "$tools/cmake" --build "$work/$name-build"
  "$tools/cmake" --install "$work/$name-build" --prefix "$work/$name"
  if command -v "$processor-linux-gnu-strip" >/dev/null; then
    "$processor-linux-gnu-strip" "$work/$name/bin/rppg-fast-stream" "$work/$name"/lib/librppg_fast.so
  fi
  check_glibc "$processor" "$work/$name/bin/rppg-fast-stream"
  check_glibc "$processor" "$work/$name/lib/librppg_fast.so"
  if [[ $processor == "$(uname -m)" ]]; then
    try_out "$work/$name"
  elif command -v qemu-aarch64 >/dev/null && [[ -d /usr/aarch64-linux-gnu ]]; then
    try_out "$work/$name" qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu cortex-a57
  else
    echo "$name was not tried out: there is no qemu-aarch64 with its libraries"
  fi
  tar -C "$work" -czf "$out/$name.tar.gz" "$name"
  echo "$out/$name.tar.gz: $(stat -c %s "$out/$name.tar.gz") bytes"
done
