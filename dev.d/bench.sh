# shellcheck shell=bash
# Measurements. They have a stack of their own (KIND is bench: passwords at their real cost, nginx without limits), which is
# up at $(command_url) when bench_run is called and goes down after it; what it prints on standard output is the result.

bench_run() {
    die 'there is nothing to measure yet'
}

command_bench() {
    scratch_folders
    stack_lock
    build_install
    trap stack_down EXIT
    trap 'exit 130' INT TERM HUP
    stack_up
    bench_run "$@"
}
