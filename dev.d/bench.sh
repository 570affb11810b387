# shellcheck shell=bash
# Measurements. They have a stack of their own (KIND is bench: passwords at their real cost, nginx without limits), which is
# up at $(command_url) when bench.py or bench_files.py is called and goes down after it; what that prints on standard output
# is the result.

command_bench() {
    local program=bench.py

    if [[ ${1-} == files ]]; then
        program=bench_files.py
        shift
        (($# == 0)) || [[ $* == --s3 ]] || usage_error "bench files does not know '$*'"
    elif (($# > 0)) && [[ ! $* =~ ^[1-9][0-9]{0,2}$ ]]; then
        usage_error "bench: '$*' is not a number of rounds"
    fi
    scratch_folders
    stack_lock
    scratch_claim
    stack_clear
    build_install
    trap stack_down EXIT
    trap 'exit 130' INT TERM HUP
    stack_up
    bench_pools
    MAYFLY_SCRATCH=$SCRATCH MAYFLY_INST=$INST MAYFLY_DEV=$CHECKOUT/dev MAYFLY_URL=$(command_url) \
        python3 "$CHECKOUT/dev.d/$program" "$@" 9>&-
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
