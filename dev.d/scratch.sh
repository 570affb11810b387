# shellcheck shell=bash
# The scratch folder holds all of a stack: programs, settings, sockets, data, logs and pid files.

# Two checkouts have two stacks.
checkout_id() {
    local sum

    sum=$(sha256sum <<<"$CHECKOUT")
    printf %s "${sum:0:8}"
}

scratch_choose() {
    local name

    KIND=${MAYFLY_KIND:-up}
    [[ ! $1 =~ ^(test|bench|fuzz)$ ]] || KIND=$1
    name=$KIND
    export MAYFLY_CHECKOUT_ID=${MAYFLY_CHECKOUT_ID:-$(checkout_id)}
    ! $SANITIZE || name=sanitize
    SCRATCH=${MAYFLY_SCRATCH:-/tmp/mayfly-$name-$MAYFLY_CHECKOUT_ID}
    SCRATCH=${SCRATCH%/}
    export MAYFLY_KIND=$KIND
    # shellcheck disable=SC2034 # used by the other parts
    INST=${MAYFLY_INST:-$SCRATCH/inst}
    [[ $SCRATCH =~ ^/[A-Za-z0-9/._-]+$ ]] ||
        die "MAYFLY_SCRATCH must be an absolute path of letters, digits and ._-: $SCRATCH"
    # A socket's path has at most 107 bytes; the longest of ours adds 26.
    ((${#SCRATCH} <= 80)) || die "MAYFLY_SCRATCH is too long for sockets, take a shorter path: $SCRATCH"
}

# scratch_reachable [USER]: a folder that mktemp -d has made, for one, is closed to all but its owner.
scratch_reachable() {
    local folder length

    [[ -n $1 ]] || return 0
    RUNNER=$1
    ! as_runner test -w "$SCRATCH" || return 0
    rmdir "$SCRATCH" 2>/dev/null || true
    # The uppermost that is closed.
    for ((length = 1; length <= ${#SCRATCH}; length++)); do
        folder=${SCRATCH:0:length}
        [[ ${SCRATCH:length:1} != / ]] || as_runner test -x "$folder" || break
    done
    die "$1, as whom mayfly runs here, can't enter $folder." "Open it with chmod o+x $folder, or name another folder in MAYFLY_SCRATCH."
}

# As the user whose it will be, or as root for USER. /tmp is everybody's: what is not ours is not used.
scratch_make() {
    local user=${1:-}

    if mkdir -m 0750 "$SCRATCH" 2>/dev/null; then
        [[ -z $user ]] || chown "$user:" "$SCRATCH"
        scratch_reachable "$user"
        return
    fi
    [[ -d $SCRATCH && ! -L $SCRATCH && $(stat -c %U "$SCRATCH") == "${user:-$(id -un)}" ]] ||
        die "$SCRATCH can't be made, or belongs to somebody else." \
            "Run as that user, remove it, or name another folder in MAYFLY_SCRATCH."
}

scratch_folders() {
    mkdir -p "$SCRATCH"/{etc/conf.d,etc/snippets,etc/sites.d,log,pid,run/pg,tmp}
    mkdir -p "${POOLS[@]/#/$SCRATCH/run/}"
}

# What somebody's folder holds is not for commands of another kind: test and bench begin with nothing. Folders that nobody
# named have their kind in their name.
scratch_claim() {
    local kind=$KIND

    if [[ -r $SCRATCH/kind ]]; then
        read -r kind <"$SCRATCH/kind"
    elif [[ -n ${MAYFLY_SCRATCH-} ]]; then
        kind=up
    fi
    [[ ! -d $SCRATCH/pg && ! -d $SCRATCH/lane-1 || $kind == "$KIND" ]] ||
        die "$SCRATCH holds a stack of ./dev $kind, which ./dev $KIND leaves alone." \
            "Name another folder in MAYFLY_SCRATCH, or remove that stack and its data with ./dev down --clean."
    printf '%s\n' "$KIND" >"$SCRATCH/kind"
}

# Commands that speak of a stack need one.
scratch_require() {
    case $1 in
    up | test | bench | fuzz | stack) ;;
    *) [[ -d $SCRATCH/pid ]] || die "nothing runs in $SCRATCH; start it with ./dev up" ;;
    esac
}

# The number of workers of each pool, kept from one command to the next.
state_get() {
    local name value

    [[ -r $SCRATCH/state ]] || return 0
    while read -r name value; do
        [[ $name != "$1" ]] || printf '%s\n' "$value"
    done <"$SCRATCH/state"
}

# One at a time: pools may be restarted together.
state_set() {
    local name value

    touch "$SCRATCH/state"
    {
        flock 7
        {
            while read -r name value; do
                [[ $name == "$1" ]] || printf '%s %s\n' "$name" "$value"
            done <"$SCRATCH/state"
            printf '%s %s\n' "$1" "$2"
        } >"$SCRATCH/state.new"
        mv "$SCRATCH/state.new" "$SCRATCH/state"
    } 7>"$SCRATCH/state.lock"
}
