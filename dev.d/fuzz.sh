# shellcheck shell=bash
# The fuzzing harnesses of t/fuzz, in a build of their own: build-fuzz/.

FUZZ_TEST=0950-fuzz-corpora

fuzz_folder() {
    printf '%s/build-fuzz' "$CHECKOUT"
}

build_fuzz() {
    # shellcheck disable=SC2034 # for build_in
    local options=(CC=clang --enable-fuzzing) targets=(harnesses)

    build_in "$(fuzz_folder)" options targets
}

# Whether a command needs the harnesses: `fuzz`, and `test` when the test that runs them is among those that are asked for.
fuzz_wanted() {
    local pattern any=true

    [[ $1 != fuzz ]] || return 0
    [[ $1 == test ]] || return 1
    shift
    for pattern; do
        [[ $pattern != -* ]] || continue
        any=false
        [[ ! $FUZZ_TEST =~ $pattern ]] || return 0
    done
    $any
}

# fuzz_run HARNESS SECONDS
fuzz_run() {
    local name=$1 seconds=$2 folders

    folders=("corpus/$name" "seeds/$name")
    [[ ! -d $CHECKOUT/t/fuzz/past/$name ]] || folders+=("$CHECKOUT/t/fuzz/past/$name")
    mkdir -p "$SCRATCH"/{corpus,crash}/"$name"
    say "$name, for $seconds s"
    # Its own folder: whatever a library writes by a relative path stays there.
    (cd "$SCRATCH" && "$(fuzz_folder)/t/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=16384 -print_final_stats=1 -artifact_prefix="crash/$name/" \
        "${folders[@]}") >"$SCRATCH/$name.log" 2>&1 && return
    say "$name failed; its input is in $SCRATCH/crash/$name, what was said in $SCRATCH/$name.log"
    tail -n 30 "$SCRATCH/$name.log" >&2
    return 1
}

command_fuzz() {
    local names=("$CHECKOUT"/t/fuzz/*.c) name seconds=60 passed=true

    names=("${names[@]##*/}")
    names=("${names[@]%.c}")
    if [[ ${1-} =~ ^[a-z] ]]; then
        [[ " ${names[*]} " == *" $1 "* ]] || usage_error "fuzz: there is no harness '$1'; there are: ${names[*]}"
        names=("$1")
        shift
    fi
    (($# <= 1)) || usage_error 'fuzz wants a harness and a number of seconds at most'
    [[ ${1-60} =~ ^[1-9][0-9]*$ ]] || usage_error "fuzz: '$1' is no number of seconds"
    seconds=${1-60}
    "$CHECKOUT/t/fuzz/seeds.py" "$SCRATCH/seeds" || die 'the seeds can not be made'
    for name in "${names[@]}"; do
        fuzz_run "$name" "$seconds" || passed=false
    done
    $passed || exit 1
}
