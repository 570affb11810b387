# shellcheck shell=bash
# A pool: spawn-fcgi opens the socket and becomes multiwatch, which keeps N workers alive.

POOLS=(a b password-a password-b files-a files-b)

pool_check() {
    [[ " ${POOLS[*]} " == *" $1 "* ]] || usage_error "there is no pool '$1'; the pools are ${POOLS[*]}"
}

# How many workers a pool has or is to have.
pool_size() {
    local size

    size=$(state_get "$1")
    case $1 in
    password-* | files-*) printf '%s' "${size:-1}" ;;
    *) printf '%s' "${size:-${MAYFLY_WORKERS:-2}}" ;;
    esac
}

# The workers' environment is ours: MAYFLY_CRASH reaches them this way, and is gone with the next start.
# -r: tests kill hundreds of workers, which is no reason to give up. A real pool gives up sooner (the unit has 20).
pool_start() {
    local socket=$SCRATCH/run/$1/fcgi.sock size

    service_pid "pool-$1" && return
    size=$(pool_size "$1")
    state_set "$1" "$size"
    rm -f "$socket"
    # As LimitNOFILE= of the unit.
    ulimit -S -n 8192 || true
    spawn "pool-$1" /usr/bin/spawn-fcgi -n -s "$socket" -M 0660 -b 1024 -- \
        /usr/bin/multiwatch -f "$size" -t 500 -r 1000 -- \
        "$INST/bin/mayfly-worker" -c "$SCRATCH/etc/mayfly.conf" --pool "$1"
    service_ready "pool-$1" test -S "$socket" || die "pool $1 does not start"
}

# The pid is the session's as well, so this finds workers whose multiwatch has ended or was killed.
pool_gone() {
    gone "$1" && ! pgrep -s "$1" -f "$SCRATCH/etc/mayfly[.]conf" >/dev/null
}

# The old workers unlink the socket's path, each of them: all must have ended before the new ones make it again.
pool_stop() {
    local pid=

    { read -r pid <"$SCRATCH/pid/pool-$1.pid"; } 2>/dev/null || return 0
    if service_pid "pool-$1"; then
        kill -s TERM "$pid" || true
        # As systemd does: multiwatch knows no worker that has a successor and answers what it has in hand.
        pkill -TERM -s "$pid" -f "$SCRATCH/etc/mayfly[.]conf" || true
        wait_until "${2:-15}" pool_gone "$pid" || say "pool $1 does not end within ${2:-15} s; killing it"
    fi
    pkill -KILL -s "$pid" -f "$SCRATCH/etc/mayfly[.]conf" || true
    rm -f "$SCRATCH/pid/pool-$1.pid" "$SCRATCH/run/$1/fcgi.sock"
}

pool_restart() {
    pool_stop "$1"
    pool_start "$1"
}

# Sets WORKERS to the processes of all pools, or of those named.
workers_find() {
    local name parents=

    (($# > 0)) || set -- "${POOLS[@]}"
    for name; do
        ! service_pid "pool-$name" || parents+=${parents:+,}$PID
    done
    WORKERS=()
    [[ -z $parents ]] || mapfile -t WORKERS < <(pgrep -P "$parents")
}

# Every worker is replaced; returns when no old one is left.
pools_recycle() {
    local name old size=0

    workers_find
    old=("${WORKERS[@]}")
    for name in "${POOLS[@]}"; do
        service_pid "pool-$name" || continue
        kill -s USR2 "$PID"
        size=$((size + $(pool_size "$name")))
    done
    ((size == 0)) || wait_until 15 recycled "$size" "${old[@]}" || die 'some workers do not end; see ./dev status'
}

recycled() {
    local size=$1 pid

    shift
    for pid; do
        gone "$pid" || return 1
    done
    workers_find
    ((${#WORKERS[@]} >= size))
}

# Those of one letter at the same time, then those of the other: nginx goes to the other pool of each pair meanwhile.
command_restart() {
    local letter name restarting

    (($# <= 1)) || usage_error 'restart wants one pool or none'
    if (($# == 1)); then
        pool_check "$1"
        pool_restart "$1"
        return
    fi
    for letter in a b; do
        restarting=()
        for name in "${POOLS[@]}"; do
            [[ ${name##*-} == "$letter" ]] || continue
            pool_restart "$name" &
            restarting+=($!)
        done
        for name in "${restarting[@]}"; do
            wait "$name" || die 'not all pools have been restarted'
        done
    done
}

command_scale() {
    (($# == 2)) || usage_error 'scale wants a pool and a number'
    pool_check "$1"
    [[ $2 =~ ^[1-9][0-9]{0,3}$ ]] || usage_error "scale: '$2' is not a number of workers"
    state_set "$1" "$2"
    pool_restart "$1"
}

command_kill() {
    local signal=KILL

    case $# in
    0) ;;
    1) signal=${1#-} ;;
    *) usage_error 'kill wants one signal or none' ;;
    esac
    workers_find
    ((${#WORKERS[@]} == 0)) || kill -s "$signal" -- "${WORKERS[@]}" 2>/dev/null || true
}
