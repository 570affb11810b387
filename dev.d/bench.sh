# shellcheck shell=bash
# Measurements. They have a stack of their own (KIND is bench: passwords at their real cost, nginx without limits), which is
# up at $(command_url) when one of dev.d/bench*.py is called, and goes down after it; what that prints on standard output is the
# result.

command_bench() {
    local program=bench.py

    if [[ ${1-} == files ]]; then
        program=bench_files.py
        shift
        (($# == 0)) || [[ $* == --s3 ]] || usage_error "bench files does not know '$*'"
    elif [[ ${1-} == replaced ]]; then
        program=bench_replaced.py
        shift
        [[ ${1-5} =~ ^[1-9][0-9]{0,2}$ && $# -le 1 ]] || usage_error "bench replaced: '$*' is not a number of rounds"
    elif [[ ${1-} == gate ]]; then
        program=bench_gate.py
        shift
        [[ ${1-7} =~ ^[1-9][0-9]{0,2}$ && $# -le 1 ]] || usage_error "bench gate: '$*' is not a number of rounds"
    elif [[ ${1-} == --against ]]; then
        program=bench_against.py
        shift
        [[ -x ${1-}/dev ]] || usage_error "bench --against wants the folder of another checkout"
        [[ ${2-9} =~ ^[1-9][0-9]{0,2}$ ]] || usage_error "bench: '${2-}' is not a number of rounds"
    elif (($# > 0)) && [[ ! $* =~ ^[1-9][0-9]{0,2}$ ]]; then
        usage_error "bench: '$*' is not a number of rounds"
    fi
    scratch_folders
    stack_lock
    scratch_claim
    stack_clear
    build_install
    trap 'stack_down; bench_other down' EXIT
    trap 'exit 130' INT TERM HUP
    stack_up
    bench_pools
    [[ $program != bench_against.py ]] || bench_against "$1"
    MAYFLY_SCRATCH=$SCRATCH MAYFLY_INST=$INST MAYFLY_DEV=$CHECKOUT/dev MAYFLY_URL=$(command_url) \
        python3 "$CHECKOUT/dev.d/$program" "$@" 9>&-
}

# The stack of another checkout, of the same kind; its own `./dev` has built it and started it before.
bench_other() {
    [[ -z ${OTHER-} ]] || env -u MAYFLY_SCRATCH -u MAYFLY_INST -u MAYFLY_CHECKOUT_ID MAYFLY_KIND=bench "$OTHER/dev" "$@" >&2
}

# Called before anything is known of this stack, by whoever called us, since building the other may be the caller's only.
bench_prepare() {
    local port=20000

    [[ ${2-} == --against && -x ${3-}/dev && -z ${MAYFLY_PREPARED-} ]] || return 0
    OTHER=$3
    while port_taken "$port"; do
        port=$((20000 + RANDOM % 10000))
    done
    bench_other up --port "$port"
}

# As many workers there as here.
bench_against() {
    local pool size

    OTHER=$1
    for pool in a b; do
        size=$(state_get "$pool")
        bench_other scale "$pool" "$size"
    done
}

# As many ordinary workers as cores, as on a server: with more of them each batch is smaller.
bench_pools() {
    local cores size pool
    cores=$(nproc)
    size=$((cores < 4 ? 1 : cores / 2))
    for pool in a b; do
        command_scale "$pool" "$size" >&2
    done
}
