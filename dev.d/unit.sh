# shellcheck shell=bash
# The unit tests: C only. No service, no stack, and no package but those that a build needs.

# unit_test PATTERN...: all, or those whose names match one of the patterns.
unit_test() {
    local programs=() program source pattern run=()

    while [[ ${1-} == -* ]]; do
        [[ $1 == --unit ]] || usage_error "test: --unit goes with patterns only, not with $1"
        shift
    done
    (($# > 0)) || set -- ''
    packages_require unit
    if ((EUID == 0)); then
        users_find
        # The build is its owner's.
        if [[ $OWNER == "$RUNNER" ]]; then
            as_runner "$CHECKOUT/dev" test --unit "$@"
            return
        fi
        checkout_readable || checkout_copy
        run=(as_runner)
    fi
    cd "$CHECKOUT" || exit
    build test
    for source in t/[0-9]*.c; do
        program=${source#t/} program=${program%.c}
        for pattern; do
            [[ ! $program =~ $pattern ]] || {
                programs+=("$(build_folder)/t/$program")
                break
            }
        done
    done
    ((${#programs[@]} > 0)) || die "no unit test is named like $*"
    CMOCKA_MESSAGE_OUTPUT=TAP "${run[@]}" prove --jobs "$(nproc)" --timer --exec 'timeout -k 10 300' "${programs[@]}"
}
