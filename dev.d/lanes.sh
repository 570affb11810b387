# shellcheck shell=bash
# shellcheck disable=SC2030,SC2031 # lane_run changes SCRATCH and INST for its command only
# Tests run side by side, each in a lane: a folder in the scratch folder with a whole stack, which the next test finds as it
# was. Each has its own programs, since some tests replace them: links to those that were installed.

# A test waits more than it works, so a lane more than there are processors keeps them busy; with two more, requests began to
# miss their deadlines. A single test needs one.
lanes_wanted() {
    local wanted=$(($(nproc) + 1))

    ((${#TESTS[@]} >= wanted)) || wanted=${#TESTS[@]}
    printf '%s' "$((wanted > 0 ? wanted : 1))"
}

# lanes_start N: sets LANES.
lanes_start() {
    local number starting=()

    LANES=$1
    say "$LANES stacks in $SCRATCH/lane-*"
    for ((number = 1; number <= LANES; number++)); do
        mkdir -p "$SCRATCH/lane-$number"
        cp -al "$INST" "$SCRATCH/lane-$number/inst"
        lane_run "$SCRATCH/lane-$number" stack_up &
        starting+=($!)
    done
    for number in "${starting[@]}"; do
        wait "$number" || die 'not all stacks have started'
    done
}

# lane_run FOLDER COMMAND...: with the lane's folder as the scratch folder, and its programs.
lane_run() (
    export MAYFLY_SCRATCH=$1 MAYFLY_INST=$1/inst

    SCRATCH=$1 INST=$1/inst
    shift
    "$@"
)

# lanes_each COMMAND...: in all that are there, at the same time.
lanes_each() {
    local lane running=() passed=true

    for lane in "$SCRATCH"/lane-*; do
        [[ -d $lane ]] || continue
        lane_run "$lane" "$@" &
        running+=($!)
    done
    for lane in "${running[@]}"; do
        wait "$lane" || passed=false
    done
    $passed
}

# Nothing of an earlier run is left, its data included.
lanes_clear() {
    lanes_each stack_down
    rm -rf "${SCRATCH:?}"/lane-*
}
