#!/usr/bin/env bash
# Makes a new environment with the gate of this checkout in it: install-gate.sh FOLDER [LOCK]
# action.yml and the workflows call it. LOCK is gate, or sign for policies with signed_by and for signing. Every package
# comes with a digest from a lock file, none of them runs code of its own while it is installed, and nothing is resolved.
# PYTHON names the interpreter, 3.11 or newer.
set -euo pipefail

lock=${2:-gate}
if (($# < 1 || $# > 2)) || [[ $lock != gate && $lock != sign ]]; then
    echo 'usage: install-gate.sh FOLDER [gate|sign]' >&2
    exit 64
fi
environment=$1
source=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

"${PYTHON:-python3}" -I -m venv --clear -- "$environment"
# Away from whatever the caller's folder holds.
cd -- "$environment"
install=(bin/python -I -m pip install --quiet --disable-pip-version-check --no-input --no-deps)
locked=("${install[@]}" --require-hashes --only-binary :all:)
"${locked[@]}" -r "$source/requirements/$lock.lock"
"${locked[@]}" -r "$source/requirements/build.lock"
"${install[@]}" --no-index --no-build-isolation "$source"
