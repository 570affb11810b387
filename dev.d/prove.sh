# shellcheck shell=bash
# mayfly-prove on a stack of ours, with hooks that are commands of ./dev.

# Sets HOOKS. They are for /bin/sh and find the stack by our environment.
prove_hooks() {
    local dev flush at_once

    printf -v dev %q "$CHECKOUT/dev"
    flush="import socket; s = socket.socket(socket.AF_UNIX); s.connect('$SCRATCH/run/memcached.sock');"
    flush+=" s.sendall(b'flush_all\\r\\n'); assert s.recv(9) == b'OK\\r\\n'"
    at_once="pids=; for pool in ${POOLS[*]}; do $dev restart \$pool & pids=\"\$pids \$!\"; done;"
    at_once+=" for pid in \$pids; do wait \$pid || exit 1; done"
    HOOKS=(
        --hook "outage:workers killed thrice=for i in 1 2 3; do $dev kill; sleep 0.4; done"
        --hook "rolling:pool a restarted=$dev restart a"
        --hook "rolling:every pool restarted=$dev restart"
        --hook "rolling:workers replaced=$dev kill -USR2"
        --hook "rolling:cache flushed=python3 -c \"$flush\""
        --hook "rolling:cache away=$dev service stop memcached; sleep 2; $dev service start memcached"
        --hook "outage:all pools restarted at once=$at_once"
        --hook "outage:database away=$dev service stop postgres; sleep 3; $dev service start postgres"
    )
}

# Starts no stack: it is for looking at /workers of the one that ./dev up has started.
command_prove() {
    prove_hooks
    export MAYFLY_SCRATCH=$SCRATCH
    exec "$INST/bin/mayfly-prove" --url "$(command_url)" --html "$SCRATCH/log/prove.html" \
        --json "$SCRATCH/log/prove.json" "${HOOKS[@]}" "$@"
}
