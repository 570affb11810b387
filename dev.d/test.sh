# shellcheck shell=bash
# The tests: programs of `make check` and scripts of t/, side by side in lanes.

# What we exit with when root's tests follow and there was none for us.
NO_TEST=3

# Sets TESTS to what we run, and ALONE to those of them that measure and want the machine for themselves, named *.alone.*:
# root those named *.root.*, which make machines of their own, anybody else the others.
# tests_find LONG PATTERN...
tests_find() {
    local long=$1 file name pattern

    shift
    TESTS=() ALONE=()
    while IFS=$'\t' read -r name file; do
        $long || [[ $name != *.long.* ]] || continue
        [[ $name == *.root.* && $EUID == 0 || $name != *.root.* && $EUID != 0 ]] || continue
        (($# > 0)) || set -- ''
        for pattern; do
            [[ $name =~ $pattern ]] || continue
            if [[ $name == *.alone.* ]]; then
                ALONE+=("$file")
            else
                TESTS+=("$file")
            fi
            break
        done
    done < <(tests_all | sort -s)
}

# "NAME TAB FILE" of each; a program counts while its source is there.
tests_all() {
    local file name

    for file in t/[0-9][0-9][0-9][0-9]-*; do
        name=${file##*/}
        case $name in
        *.c) file=$(build_folder)/t/${name%.c} name=${name%.c} ;;
        esac
        if [[ -x $file ]]; then
            printf '%s\t%s\n' "$name" "$file"
        elif [[ $name == *.sh || $name == *.py || $file == /* ]]; then
            say "$file is not executable and was left out"
        fi
    done
}

# The end of what each test printed that failed, without what passed: the last lines of a run are those that are read first.
test_failures() {
    local printed

    say "something failed; the logs are in $SCRATCH/lane-*/log"
    for printed in "$SCRATCH"/failed/*; do
        [[ -f $printed ]] || continue
        say "$(basename "$printed"), $(head -n 1 "$printed")"
        tail -n +2 "$printed" | grep -v '^ok ' | tail -n 30 | cut -c -600 >&2
    done
}

test_end() {
    $1 || lanes_each stack_down
}

# test_machines PROVE...: no stack, each makes a machine. They follow the README, and build the package in build/deb.
test_machines() {
    if ((${#TESTS[@]} == 0)); then
        ((RUNNER_STATUS != NO_TEST)) || die 'no test has such a name'
        return "$RUNNER_STATUS"
    fi
    export MAYFLY_BUILD=$CHECKOUT/build
    say "${#TESTS[@]} tests of whole machines"
    "$@" "${TESTS[@]}" || RUNNER_STATUS=1
    ((RUNNER_STATUS == 0 || RUNNER_STATUS == NO_TEST))
}

# tests_run PROVE...: those that can, side by side, the ones with high numbers first since they take longest; then the others.
tests_run() {
    local passed=true reversed=() index

    for ((index = ${#TESTS[@]} - 1; index >= 0; index--)); do
        reversed+=("${TESTS[index]}")
    done
    ((${#TESTS[@]} == 0)) || "$@" --jobs "$LANES" "${reversed[@]}" 9>&- || passed=false
    ((${#ALONE[@]} == 0)) || "$@" "${ALONE[@]}" 9>&- || passed=false
    $passed
}

# Whoever runs the stacks runs most tests. As root, tests of whole machines follow; without root they are said to be left out.
command_test() {
    local long=false keep=false passed=true prove=(prove --timer --exec) jobs=''

    while (($# > 0)); do
        case $1 in
        --long) long=true ;;
        --keep) keep=true ;;
        --sanitize) ;; # known already
        --jobs)
            [[ ${2-} =~ ^[1-9][0-9]?$ ]] || usage_error 'test: --jobs wants a number from 1 to 99'
            jobs=$2
            shift
            ;;
        -v) prove=("${prove[0]}" -v "${prove[@]:1}") ;;
        -*) usage_error "test does not know '$1'" ;;
        *) break ;;
        esac
        shift
    done
    cd "$CHECKOUT" || exit
    tests_find "$long" "$@"
    if ((EUID == 0)); then
        test_machines "${prove[@]}" "timeout -k 10 ${MAYFLY_TEST_TIMEOUT:-900}"
        return
    fi
    if ((${#TESTS[@]} + ${#ALONE[@]} == 0)); then
        # With a pattern such as ^7 everything is for root.
        [[ -z ${MAYFLY_ROOT_FOLLOWS-} ]] || exit "$NO_TEST"
        die "no test is named like $*, or it needs root: run ./dev test as root"
    fi
    [[ -n ${MAYFLY_ROOT_FOLLOWS-} ]] || say 'tests of whole machines are left out: they need root'

    scratch_folders
    stack_lock
    scratch_claim
    lanes_clear
    rm -rf "${SCRATCH:?}/failed"
    mkdir "$SCRATCH/failed"
    build_install
    # shellcheck disable=SC2064 # as it is now
    trap "test_end $keep" EXIT
    trap 'exit 130' INT TERM HUP
    ! $SANITIZE || sanitizers_start
    lanes_start "${jobs:-$(lanes_wanted)}"

    export MAYFLY_LANES=$SCRATCH MAYFLY_DEV=$CHECKOUT/dev
    MAYFLY_BUILD=$(build_folder)
    export MAYFLY_BUILD CMOCKA_MESSAGE_OUTPUT=TAP
    say "${#TESTS[@]} tests in $LANES lanes, then ${#ALONE[@]} alone"
    if ! tests_run "${prove[@]}" "$CHECKOUT/dev.d/in-lane"; then
        passed=false
    fi
    if $SANITIZE; then
        sanitizers_judge || passed=false
    fi
    $passed || {
        test_failures
        exit 1
    }
}
