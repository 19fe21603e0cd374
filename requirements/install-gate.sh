#!/usr/bin/env bash
# Makes a new environment with the gate of this checkout in it: install-gate.sh FOLDER [LOCK]
# action.yml and the workflows call it. LOCK is gate, or sign for policies with signed_by and for signing. Every package
# comes with a digest from a lock file, none of them runs code of its own while it is installed, nothing is resolved, and
# nothing is built. Where there is a requirements/released.lock, which only a release has, the gate is its wheel, by
# digest; else it is a copy of the source.
# PYTHON names the interpreter, 3.11 or newer. All packages come in one file, the wheel set of the release, where
# GATEKIT_WHEELS is a folder or address with the files of releases, or GATEKIT_REPOSITORY the repository on this server
# that has them; GATEKIT_WHEELS=off leaves it out. Without a set uv installs, where it is on the path and knows the
# index; else pip.
set -euo pipefail

lock=${2:-gate}
if (($# < 1 || $# > 2)) || [[ $lock != gate && $lock != sign ]]; then
    echo 'usage: install-gate.sh FOLDER [gate|sign]' >&2
    exit 64
fi
environment=$1
[[ $environment == /* ]] || environment=$PWD/$environment
source=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
python=$(command -v -- "${PYTHON:-python3}" || true)
if [[ -z $python ]] || ! "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    have=$([[ -z $python ]] || "$python" -V 2>&1 || true)
    echo "gatekit needs Python 3.11 or newer, and ${PYTHON:-python3} is ${have:-not there}; set one up before" >&2
    exit 64
fi

# Neither the caller's modules nor a user's own packages may take part.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
export PYTHONNOUSERSITE=1 PYTHONSAFEPATH=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

wanted=(-r "$source/requirements/$lock.lock") locks=("$source/requirements/$lock.lock")
released=$source/requirements/released.lock
if [[ -f $released ]]; then
    wanted+=(-r "$released") locks+=("$released")
fi
wheels=${GATEKIT_WHEELS:-}
if [[ -z $wheels && -n ${GATEKIT_REPOSITORY:-} && -n ${GITHUB_SERVER_URL:-} ]]; then
    wheels=$GITHUB_SERVER_URL/$GATEKIT_REPOSITORY/releases/download
fi
case $wheels in
    '' | off | https:* | http:* | /*) ;;
    *) wheels=$PWD/$wheels ;;
esac
options=(--quiet --no-deps --require-hashes --only-binary :all:)

# uv does not read what pip is told of another index, and would wait for one that cannot be reached.
uv_knows_the_index() {
    command -v uv > /dev/null || return 1
    [[ -n ${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}${UV_CONFIG_FILE:-} ]] && return 0
    # Read whole before it is searched: a pipe that grep closes early would look like a failure.
    local told
    told=$("$python" -I -m pip config list 2> /dev/null || true)
    [[ ! $told =~ index|find-links|proxy ]]
}

# Away from whatever the caller's folder holds. pip comes into the environment only where the interpreter has none.
fresh() {
    "$python" -I -m venv --clear --without-pip -- "$environment"
    cd -- "$environment"
}

# The folder of the packages, known before the environment has any.
packages() {
    bin/python -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
}

# Ends the script where a wheel is not the locked one; says why and fails where there is no set.
with_set() {
    [[ -n $wheels && $wheels != off ]] || return 1
    local version code=0
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$source/gatekit/__init__.py")
    bin/python -I "$source/requirements/wheel_set.py" "$wheels" "$version" "$(packages)" "${locks[@]}" || code=$?
    ((code != 4)) || exit 4
    # Whatever else went wrong, like a full disk, what was unpacked until then goes.
    ((code == 0)) || { fresh; return 1; }
    command_file
}

with_uv() {
    # Without its cache, whose unpacked files are not compared with their digests again.
    uv pip install --no-cache --python bin/python "${options[@]}" "${wanted[@]}"
}

with_pip() {
    local pip=("$python" -I -m pip --python bin/python)
    if ! "$python" -I -m pip --version > /dev/null 2>&1; then
        bin/python -I -m ensurepip > /dev/null
        pip=(bin/python -I -m pip)
    fi
    # What is used of the packages is compiled when it is used, which is a tenth of them.
    "${pip[@]}" install --no-compile "${options[@]}" "${wanted[@]}"
}

# As pip writes a command where the path may hold blanks: a shell script that is Python's too.
command_file() {
    printf "#!/bin/sh\n'''exec' \"%s\" -I \"\$0\" \"\$@\"\n' '''\nfrom gatekit.cli import main\n\nmain()\n" \
        "$PWD/bin/python" > bin/gatekit
    chmod +x bin/gatekit
}

from_source() {
    mkdir source
    cp -R -- "$source"/{gatekit,gatekit_husai,schemas,pyproject.toml} source/
    local commit changes
    printf '%s\n' "$PWD/source" > "$(packages)/gatekit.pth"
    command_file
    # For `gatekit --version`; an archive of a commit says it already.
    if grep -q '^[$]Format' source/gatekit/source_commit.txt && [[ -e $source/.git ]] &&
        commit=$(git -C "$source" rev-parse --verify 'HEAD^{commit}' 2> /dev/null) &&
        changes=$(git -C "$source" status --porcelain -- gatekit gatekit_husai schemas pyproject.toml); then
        printf '%s%s\n' "$commit" "${changes:+ and changes}" > source/gatekit/source_commit.txt
    fi
}

fresh
if ! with_set && ! { uv_knows_the_index && with_uv; }; then
    fresh
    with_pip
fi
if [[ ! -f $released ]]; then
    from_source
fi
