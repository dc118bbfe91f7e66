#!/bin/sh
# Makes the virtual environment and installs the package into it, for development, with everything it needs.
#
#   tools/install.sh PYTHON VENV STAMP CONSTRAINTS [PREREQUISITE...]      (called by the Makefile, in its folder)
#
# The stamp is written last: after an interruption, the next run does the work again. It holds the checkout's folder,
# because an environment does not survive being moved or copied.

set -eu
python=$1 venv=$2 stamp=$3 constraints=$4
here=$(pwd -P)

up_to_date() {
    [ "$(cat "$stamp" 2>/dev/null)" = "$here" ] || return 1
    for prerequisite in "$@"; do
        [ ! "$prerequisite" -nt "$stamp" ] || return 1
    done
}

usable() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && grep -qF "$venv_path" "$venv/bin/activate"
}

# Two runs at a time (`make demo` in one window, `make test` in another): the second waits, then finds the work done.
if [ -z "${STATESTREAM_INSTALL_LOCK:-}" ] && command -v flock >/dev/null 2>&1; then
    STATESTREAM_INSTALL_LOCK=held exec flock "$0" sh "$0" "$@"
fi
shift 4
if [ -n "${STATESTREAM_INSTALL_LOCK:-}" ] && "$venv/bin/python" -c '' 2>/dev/null && up_to_date "$@"; then
    exit 0
fi

case $venv in
    /*) venv_path=$venv ;;
    *) venv_path=$here/$venv ;;
esac
rm -f "$stamp"
if ! usable; then
    echo "Making the virtual environment $venv with $("$python" --version) ..."
    "$python" -m venv --clear "$venv"
fi

echo "Installing statestream and what it needs into $venv (the first time a few minutes, and 2.2 GB of disk) ..."
PIP_USER=0 "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --progress-bar off \
    --constraint "$constraints" --editable ".[dev]"
echo "$here" >"$stamp"
