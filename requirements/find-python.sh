#!/usr/bin/env bash
# Says whether a Python has to be set up for the gate: find-python.sh [VERSION]
# action.yml calls it with its input python-version. Without a VERSION the machine's own python3 does where it is 3.11 or
# newer and can install packages; the lines `found=` and `version=` for GITHUB_OUTPUT say so.
set -euo pipefail

version=${1:-}
# A line of its own in it would be an output of its own.
if [[ ! $version =~ ^[][0-9A-Za-z.,\<\>=~^*\ -]*$ ]]; then
    echo "the input 'python-version' is no version" >&2
    exit 64
fi
found=false
if [[ -z $version ]] && python3 -I -c 'import sys, venv, pip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    found=true
fi
printf 'found=%s\nversion=%s\n' "$found" "${version:-3.13}"
