#!/usr/bin/env bash
# Makes a new environment with the gate of this checkout in it: install-gate.sh FOLDER
# action.yml and the workflows call it. Every package comes with a digest from a lock file, none of them runs code of its
# own while it is installed, and nothing is resolved. PYTHON names the interpreter, 3.11 or newer.
set -euo pipefail

if (($# != 1)); then
    echo 'usage: install-gate.sh FOLDER' >&2
    exit 64
fi
environment=$1
source=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

"${PYTHON:-python3}" -I -m venv --clear -- "$environment"
# Away from whatever the caller's folder holds.
cd -- "$environment"
install=(bin/python -I -m pip install --quiet --disable-pip-version-check --no-input --no-deps)
locked=("${install[@]}" --require-hashes --only-binary :all:)
"${locked[@]}" -r "$source/requirements/gate.lock"
"${locked[@]}" -r "$source/requirements/build.lock"
"${install[@]}" --no-index --no-build-isolation "$source"
