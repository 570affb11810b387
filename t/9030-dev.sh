#!/bin/bash
# What ./dev says of itself and to who is not understood, and that it leaves alone what is another's: a port, or what
# somebody's folder holds of another kind.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/.."
for part in dev.d/*.sh; do
    # shellcheck source=/dev/null
    . "$part"
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

# says STATUS PATTERN COMMAND...: ends like that, with this on standard error and nothing on standard output
says() {
    local wanted=$1 pattern=$2 status=0

    shift 2
    ("$@") >"$folder/out" 2>"$folder/said" || status=$?
    [[ $status == "$wanted" && ! -s $folder/out ]] && grep -q -- "$pattern" "$folder/said" && return
    printf '# %s ends with %s: %s\n' "$*" "$status" "$(head -n 3 "$folder/out" "$folder/said")" >&2
    return 1
}

# explains NAME: --help begins with how it is called and has a line for each of its options.
explains() {
    local option

    ./dev "$1" --help >"$folder/out" 2>"$folder/said" && [[ ! -s $folder/said ]] || return
    [[ $(head -n 1 "$folder/out") == "./dev $1"* ]] || return
    # Options are labels of a case, or compared with.
    for option in $(declare -f "command_$1" | grep -oE '(^ +|== )--?[a-z][a-z0-9]*' | grep -oE -- '-.*'); do
        grep -qw -- "^  $option" "$folder/out" && continue
        echo "# ./dev $1 --help does not explain $option" >&2
        return 1
    done
}

commands=$(sed -n 's/^\(up | .*\)) ;;$/\1/p' dev | tr -d '|')
ok 'the commands are found' test "$(wc -w <<<"$commands")" -gt 10
overview=$(./dev help)
for name in $commands; do
    ok "$name has --help, with each of its options" explains "$name"
    ok "and ./dev help names $name" grep -q "^ *${name}[ |]" <<<"$overview"
done
ok './dev alone is ./dev help' test "$(./dev)" == "$overview"
ok 'so is ./dev --help' test "$(./dev --help)" == "$overview"
ok 'a command that is none is not understood' says 2 "no command 'bogus'" ./dev bogus
ok 'and is told where to look' grep -q './dev help' "$folder/said"
ok 'not even with --help' says 2 "no command 'bogus'" ./dev bogus --help
ok 'nor is ./dev help of it' says 2 "no command 'bogus'" ./dev help bogus
ok 'restart of a pool that is none' says 2 "no pool 'bogus'; the pools are a b password-a password-b files-a files-b" ./dev restart bogus
ok 'scale to no number' says 2 "'none' is not a number" ./dev scale a none
ok 'a service that is none' says 2 "no service 'bogus'" ./dev service start bogus
ok 'config without a value' says 2 'a name and a value' ./dev config cache_fresh_s
ok 'config of what no worker takes' says 1 'is left as it was' ./dev config cache_fresh_s soon
for port in 0 65536 http 080; do
    ok "port $port" says 2 "'$port' is not a port" command_up --port "$port"
done
ok '--port without a number' says 2 '--port wants a number' command_up --port
ok 'an option of up that is none' says 2 "'--bogus'" command_up --bogus
ok 'an option of test that is none' says 2 "'--bogus'" command_test --bogus
ok 'rounds that are none' says 2 "'many' is not a number of rounds" command_bench many
ok 'nor of the gate' says 2 "bench gate: 'many' is not a number of rounds" command_bench gate many
ok 'without a stack there is nothing to look at' says 1 'start it with ./dev up' env MAYFLY_SCRATCH="$folder/none" ./dev status

# nginx_wanted PORT: as ./dev up --port PORT would start it
# shellcheck disable=SC2034 # used by nginx_up
nginx_wanted() (
    SCRATCH=$folder KIND=up
    nginx_up "$1"
)

port=${MAYFLY_URL##*:}
ok 'a port that is taken is named' says 1 "port $port is taken by another program" nginx_wanted "$port"
ok 'with how to choose another one' grep -q -e '--port N' "$folder/said"
ok 'and how to see whose it is' grep -q "ss -ltnp sport = :$port" "$folder/said"
ok 'and nothing was started or written' test ! -e "$folder/etc" -a ! -e "$folder/pid"
# shellcheck disable=SC2034 # used by up_possible
up_wanted() (
    SCRATCH=$folder
    up_possible --port "$1"
)
ok 'and before anything is built' says 1 "port $port is taken by another program" up_wanted "$port"

# closed_above: the scratch folder is one that nobody but root reaches
closed_above() (
    closed=$folder/closed
    SCRATCH=$closed/below
    mkdir -p "$SCRATCH"
    as_runner() {
        [[ $3 != "$closed"* ]]
    }
    scratch_reachable nobody
)
ok 'a folder that is closed to the user of the stack is named' says 1 "nobody, as whom mayfly runs here, can't enter $folder/closed[.]" closed_above
ok 'with the cure' grep -q "chmod o+x $folder/closed" "$folder/said"

# shellcheck disable=SC2034 # used by build_in
configured_in_place() (
    CHECKOUT=$folder options=() targets=()
    touch "$CHECKOUT/config.status"
    build_in "$folder/build" options targets
)
ok 'a checkout that was configured in place is said to be' says 1 'configured in place.*distclean' configured_in_place
echo "1..$number"
