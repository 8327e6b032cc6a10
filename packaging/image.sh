#!/usr/bin/env bash
# The files of the container: Python, the package with its page, and nothing that they do not need.
# Usage: packaging/image.sh FOLDER
#
# Runs in Debian 12 with g++, python3-dev and python3-venv, as the Dockerfile beside it does; the folder
# is for the processor that runs this. Without a shell, a package manager and what only developers need.
set -euo pipefail
image=$1
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian's own packages, unpacked: the C and C++ libraries, and Python with what its modules link.
(
  cd "$work"
  apt-get -qq download libc6 libgcc-s1 libstdc++6 zlib1g libssl3 libffi8 libexpat1 liblzma5 libbz2-1.0 \
    libuuid1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib media-types
  mkdir unpacked
  for package in *.deb; do dpkg-deb -x "$package" unpacked; done
)
mkdir -p "$image"/{etc,usr,tmp}
chmod 1777 "$image/tmp"
cp -a "$work/unpacked/." "$image"
rm -rf "$image"/usr/share/{doc,man,lintian,binfmts,applications,pixmaps} \
  "$image"/usr/lib/*/{gconv,audit} "$image"/usr/lib/python3.11/{lib2to3,ensurepip,idlelib,pydoc_data,test} \
  "$image/sbin" "$image/usr/sbin"
echo "nobody:x:65534:65534:nobody:/tmp:/" >"$image/etc/passwd"

# The package, its page, and NumPy and PyAV without their tests and headers.
python3 -m venv "$work/venv"
packages=$image/usr/lib/python3/dist-packages
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile --target "$packages" \
  --config-settings=cmake.define.RPPG_JPEG=OFF --config-settings=cmake.define.RPPG_CUDA=OFF "${root}[live]"
rm -rf "${packages:?}/bin" "$packages"/numpy/{f2py,distutils,doc}
# What draws in a terminal: the page is the container's view.
rm -rf "$packages"/{rich,pygments,markdown_it,mdurl}{,-*}
find "$packages" -type d \( -name tests -o -name __pycache__ -o -name include \) -prune -exec rm -rf {} +
find "$packages" -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.a' \) -delete
du -sm "$image"
