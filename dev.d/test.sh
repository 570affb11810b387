# shellcheck shell=bash
# The tests: programs of `make check` and scripts of t/, in order of their numbers, over one stack.

# Sets TESTS. tests_find LONG PATTERN...
tests_find() {
    local long=$1 file name pattern

    shift
    TESTS=()
    while IFS=$'\t' read -r name file; do
        $long || [[ $name != *.long.* ]] || continue
        (($# > 0)) || set -- ''
        for pattern; do
            [[ $name =~ $pattern ]] || continue
            TESTS+=("$file")
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

test_logs() {
    local log

    say "something failed; the logs are in $SCRATCH/log"
    for log in "$SCRATCH"/log/pool-*.log "$SCRATCH"/log/nginx.log; do
        [[ ! -s $log ]] || log_tail "$(basename "$log" .log)" 5
    done
}

test_end() {
    $1 || stack_down
}

command_test() {
    local long=false keep=false passed=true prove=(prove --timer --exec "timeout -k 10 ${MAYFLY_TEST_TIMEOUT:-900}")

    while (($# > 0)); do
        case $1 in
        --long) long=true ;;
        --keep) keep=true ;;
        --sanitize) ;; # known already
        -v) prove+=(-v) ;;
        -*) usage_error "test does not know '$1'" ;;
        *) break ;;
        esac
        shift
    done
    cd "$CHECKOUT" || exit
    tests_find "$long" "$@"
    ((${#TESTS[@]} > 0)) || die "no test is named like $*"

    scratch_folders
    stack_lock
    stack_clear
    build_install
    # shellcheck disable=SC2064 # as it is now
    trap "test_end $keep" EXIT
    trap 'exit 130' INT TERM HUP
    ! $SANITIZE || sanitizers_start
    say "a stack in $SCRATCH"
    stack_up

    export MAYFLY_SCRATCH=$SCRATCH MAYFLY_INST=$INST MAYFLY_DEV=$CHECKOUT/dev
    MAYFLY_BUILD=$(build_folder)
    MAYFLY_URL=$(command_url)
    export MAYFLY_BUILD MAYFLY_URL CMOCKA_MESSAGE_OUTPUT=TAP
    say "${#TESTS[@]} tests at $MAYFLY_URL"
    if ! "${prove[@]}" "${TESTS[@]}" 9>&-; then
        test_logs
        passed=false
    fi
    if $SANITIZE; then
        sanitizers_judge || passed=false
    fi
    $passed || exit 1
}
