#!/usr/bin/env bash
# All that a GPU must show, in one script: at most eight minutes on one bare device.
#
#     benchmarks/gpu/run.sh [--output FILE] [other options of benchmarks.gpu.measure]
#
# Needs torch, numpy and safetensors in the Python that PYTHON names (python3 if it names none), and nothing else
# beside this tree. Where pytest is installed too, the tests marked gpu run first. SAELens, sparsify and
# dictionary_learning are measured where they are installed. Commit what it writes: benchmarks/results/gpu.md.

set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
start=$SECONDS
tests="not run: pytest is not installed"
if "$python" -c "import pytest" 2>/dev/null; then
  code=0
  said=$(timeout 150 "$python" -m pytest -m gpu tests/runners/saes) || code=$?
  echo "$said" >&2
  # Its last line counts what passed, failed and was skipped. 124: stopped after 150 seconds.
  case $code in
    0) tests=$(tail -n 1 <<<"$said") ;;
    124) tests="stopped after 150 seconds" ;;
    *) tests="FAILED with exit code $code, $(tail -n 1 <<<"$said")" ;;
  esac
fi
"$python" -m benchmarks.gpu.measure --tests "$tests" --spent $((SECONDS - start)) "$@"
# A page is written either way; a failure must not look like a pass.
case $tests in FAILED*) exit 1 ;; esac
