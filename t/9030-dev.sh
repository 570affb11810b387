#!/bin/bash
# A command of ./dev that begins with nothing leaves alone what somebody's folder holds of another kind.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/.."
for part in say scratch; do
    # shellcheck source=/dev/null
    . "dev.d/$part.sh"
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0

# claim KIND WHOSE: as ./dev KIND would, in a folder that MAYFLY_SCRATCH names or nobody
# shellcheck disable=SC2034 # used by scratch_claim
claim() (
    SCRATCH=$folder KIND=$1
    if [[ $2 == named ]]; then
        MAYFLY_SCRATCH=$folder
    else
        unset MAYFLY_SCRATCH
    fi
    scratch_claim 2>"$folder/said"
)

# ok NAME COMMAND...
ok() {
    local name=$1 verdict=ok

    shift
    "$@" || verdict='not ok'
    echo "$verdict $((++number)) - $name"
    [[ $verdict == ok ]]
}

not() {
    ! "$@"
}

ok 'an empty folder is for whoever comes first' claim test named
mkdir "$folder/pg"
ok 'and for that kind of command again' claim test named
ok 'but not for up' not claim up named
ok 'nor for bench' not claim bench named
ok 'which are told what to do' grep -q 'MAYFLY_SCRATCH.*--clean' "$folder/said"
ok 'and changed nothing' claim test named
rm "$folder/kind"
ok 'what does not say its kind is of up' not claim test named
ok 'which goes on with it' claim up named
rm "$folder/kind"
ok 'a folder that nobody named is its own' claim test unnamed
echo "1..$number"
