#!/bin/sh
# Names everything that the set-up needs and this machine lacks, all at once, before anything is done.
#
#   tools/preflight.sh PYTHON      exit status 0: all there; 1: something is missing (listed on standard error)
#
# Plain POSIX shell on purpose: Python itself may be what is missing.

python=$1
version=3.11
missing=""

lack() {
    missing="$missing
  - $1"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

for tool in gcc g++ make; do
    have "$tool" || lack "$tool"
done

if [ -z "$python" ]; then
    lack "Python 3.11, 3.12 or 3.13 (none of python3.11, python3.12, python3.13, python3 is one)"
elif ! "$python" -c '' >/dev/null 2>&1; then
    lack "Python 3.11, 3.12 or 3.13 ('$python' does not run)"
elif ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'; then
    found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    lack "Python 3.11, 3.12 or 3.13 ('$python' is $found)"
else
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    for module in venv ensurepip; do
        "$python" -c "import $module" >/dev/null 2>&1 ||
            lack "the Python module $module (Debian, Ubuntu: package python$version-venv)"
    done
    include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
    if [ ! -f "$include/Python.h" ]; then
        lack "Python.h, the headers of $python (Debian, Ubuntu: package python$version-dev)"
    elif have gcc && ! echo '#include <Python.h>' | gcc -fsyntax-only -I"$include" -x c - >/dev/null 2>&1; then
        lack "C headers: gcc cannot compile against Python.h (Debian, Ubuntu: package libc6-dev)"
    fi
fi

if have g++ && ! echo '#include <vector>' | g++ -fsyntax-only -x c++ - >/dev/null 2>&1; then
    lack "the C++ standard library: g++ cannot compile (Debian, Ubuntu: package libstdc++-dev, or g++)"
fi

if [ -n "$missing" ]; then
    echo "statestream cannot be set up here yet. Missing:$missing" >&2
    echo "On Debian or Ubuntu: sudo apt-get install python$version python$version-venv python$version-dev gcc g++ make" >&2
    [ "$version" != 3.11 ] || echo "(a release without Python 3.11 has 3.12 or 3.13, which will do)" >&2
    echo "Another interpreter is named by:  make PYTHON=/path/to/python3.12 ..." >&2
    exit 1
fi
