#!/bin/sh
# Writes the lock files from pyproject.toml and the .in files beside this script; `make lock` calls it.
# Pins that still satisfy the requirements stay as they are; `make lock LOCK_FLAGS=--upgrade` moves all to the newest.
# UV names the resolver (any recent uv). No index address is written: the one that pip is configured with serves.
set -eu

cd "$(dirname "$0")/.."
uv=${UV:-uv}

# compile NAME ABOUT [uv arguments]: resolves beside the old lock, so that uv keeps its pins, then puts the header on top.
compile() {
    name=$1 about=$2
    shift 2
    new=requirements/$name.lock.new
    trap 'rm -f "$new"' EXIT
    test ! -f "requirements/$name.lock" || cp "requirements/$name.lock" "$new"
    # shellcheck disable=SC2086  # LOCK_FLAGS holds several words
    "$uv" pip compile --no-config --quiet --universal --python-version 3.11 --annotation-style line \
        --no-emit-index-url --no-emit-find-links --no-header ${LOCK_FLAGS:-} "$@" --output-file "$new"
    { printf '%s\n' "$about" "# Written by \`make lock\`; do not edit."; cat "$new"; } > "$new.whole"
    rm "$new"
    mv "$new.whole" "requirements/$name.lock"
}

compile gate "# gatekit's own dependencies, for every platform and Python 3.11 or newer, each with its digests.
# Install: pip install --require-hashes -r requirements/gate.lock" \
    --generate-hashes pyproject.toml

compile sign "# gatekit's own dependencies (as in gate.lock) and what signing needs, for gates whose policies have signed_by.
# Install: pip install --require-hashes -r requirements/sign.lock" \
    --generate-hashes --extra sign --constraint requirements/gate.lock pyproject.toml

compile dev "# gatekit's own dependencies (as in sign.lock), what plots need, and the tools that test, lint and build it; no torch.
# Install: pip install --require-hashes -r requirements/dev.lock" \
    --generate-hashes --extra dev --extra plots --extra sign --constraint requirements/sign.lock pyproject.toml

# Resolved from the extra alone: the site is built from the pages, without gatekit.
sed -n '/^docs = \[/,/^\]/s/^  "\(.*\)",$/\1/p' pyproject.toml > requirements/docs.in.new
compile docs "# What builds the documentation's site, with digests.
# Install: pip install --require-hashes -r requirements/docs.lock" \
    --generate-hashes requirements/docs.in.new
rm requirements/docs.in.new

# Resolved from one name, so that it holds nothing else; the constraint keeps it at dev.lock's versions.
echo hatchling > requirements/build.in.new
compile build "# What builds gatekit's own wheel, with digests; the same versions as in dev.lock.
# Install: pip install --require-hashes -r requirements/build.lock" \
    --generate-hashes --constraint requirements/dev.lock requirements/build.in.new
rm requirements/build.in.new

compile runners-cpu "# Every package of the CPU runners environment; runners-cpu.overrides says what is left out and why.
# Install: pip install --no-deps -r requirements/runners-cpu.lock
# No digests, because the CPU build of torch is another file than the one that the public index serves for Linux." \
    --extra runners --overrides requirements/runners-cpu.overrides pyproject.toml requirements/runners-cpu.in
