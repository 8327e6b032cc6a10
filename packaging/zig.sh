# Sourced by the scripts beside it: compilers that build for old systems, from the PyPI package
# ziglang, so that a binary made here runs where glibc is older. `also` names more tools to install.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The oldest glibc that each is built for: that of CentOS 7, and of Ubuntu 18.04 on a Jetson Nano.
declare -A targets=([x86_64]=x86_64-linux-gnu.2.17 [aarch64]=aarch64-linux-gnu.2.27)
declare -A newest=([x86_64]=2.17 [aarch64]=2.27)

# RPPG_TOOLS keeps the tools: zig builds its C++ library anew wherever it is installed.
python3 -m venv "${RPPG_TOOLS:-$work/tools}"
tools=${RPPG_TOOLS:-$work/tools}/bin
"$tools/pip" install --quiet ziglang cmake ninja "${also[@]}"

# Sets CC, CXX, AR and RANLIB for a processor. With other options zig would build its C++ library once
# more, for the linking of each probe.
use_compilers() {
  local name folder=$work/zig-$1
  mkdir -p "$folder"
  for name in cc c++; do
    printf '#!/bin/sh\nexec "%s/python" -m ziglang %s -target %s -O3 -fPIC "$@"\n' \
      "$tools" "$name" "${targets[$1]}" >"$folder/$name"
  done
  for name in ar ranlib; do
    printf '#!/bin/sh\nexec "%s/python" -m ziglang %s "$@"\n' "$tools" "$name" >"$folder/$name"
  done
  chmod +x "$folder"/*
  export CC=$folder/cc CXX=$folder/c++ AR=$folder/ar RANLIB=$folder/ranlib
}

# What CMake must be told of them.
cmake_options() {
  echo -DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=$1" \
    "-DCMAKE_AR=$work/zig-$1/ar" "-DCMAKE_RANLIB=$work/zig-$1/ranlib" \
    -DRPPG_JPEG=OFF # whose library would have to come along
}

# Fails where a binary asks for a newer glibc than its target's.
check_glibc() {
  local asked
  asked=$(readelf --version-info --wide "$2" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
  echo "$(basename "$2"): needs ${asked:-no glibc}, may need GLIBC_${newest[$1]}"
  [[ -z $asked || $(printf '%s\n' "${asked#GLIBC_}" "${newest[$1]}" | sort -V | tail -1) == "${newest[$1]}" ]]
}
