# shellcheck shell=bash
# Programs built with ASan and UBSan, and their reports: a worker's stderr is read by nobody while a test runs, so each
# process writes to a file of its own.

sanitizers_start() {
    SANITIZER_REPORTS=$SCRATCH/log/sanitizer
    mkdir -p "$SANITIZER_REPORTS"
    export ASAN_OPTIONS="log_path=$SANITIZER_REPORTS/report:detect_leaks=1:detect_stack_use_after_return=1"
    export UBSAN_OPTIONS="log_path=$SANITIZER_REPORTS/report:print_stacktrace=1"
    sanitizers_prove
}

# An alarm that can't ring is none: a program that forgets what it allocated must leave a report.
sanitizers_prove() {
    local probe=$SCRATCH/tmp/leak

    printf '%s\n' '#include <stdlib.h>' 'int main(void) { return malloc(7) == NULL; }' >"$probe.c"
    gcc -O0 -fsanitize=address -o "$probe" "$probe.c" || die 'gcc can not build with sanitizers'
    "$probe" || true
    grep -qs LeakSanitizer "$SANITIZER_REPORTS"/* || die "the sanitizers do not report a leak here; is ptrace forbidden?"
    rm -f "$SANITIZER_REPORTS"/*
}

# Workers report their leaks when they end.
sanitizers_judge() {
    local report reports=()

    lanes_each command_restart
    mapfile -t reports < <(find "$SANITIZER_REPORTS" -type f -size +0)
    ((${#reports[@]} > 0)) || return 0
    say "${#reports[@]} reports of sanitizers, all in $SANITIZER_REPORTS; the first:"
    for report in "${reports[@]:0:5}"; do
        printf '%s\n' "--- $report" >&2
        head -n 40 "$report" >&2
    done
    return 1
}
