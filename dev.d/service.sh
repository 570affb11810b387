# shellcheck shell=bash
# One process with a log and a pid file: how it is started, known and stopped.

# spawn NAME COMMAND...: in a session of its own, with nothing of ours open.
spawn() {
    local name=$1

    shift
    setsid "$@" </dev/null >>"$SCRATCH/log/$name.log" 2>&1 8>&- 9>&- &
    SPAWNED=$!
    printf '%s\n' "$SPAWNED" >"$SCRATCH/pid/$name.pid"
}

# Sets PID when NAME runs. A pid file can outlive its process, and the number then be somebody else's: all of ours have the
# scratch folder in their command line.
service_pid() {
    local line=()

    PID=
    { read -r PID <"$SCRATCH/pid/$1.pid"; } 2>/dev/null || return 1
    { mapfile -d '' -t line <"/proc/$PID/cmdline"; } 2>/dev/null || return 1
    [[ "${line[*]}" == *"$SCRATCH/"* ]]
}

# Ended, even if its parent has not asked yet. Not by its command line: that is empty for a moment inside exec.
gone() {
    local state=Z

    { read -r _ _ state _ <"/proc/$1/stat"; } 2>/dev/null || true
    [[ $state == Z ]]
}

# wait_until SECONDS COMMAND...
wait_until() {
    local until=$((SECONDS + $1 + 1))

    shift
    until "$@"; do
        ((SECONDS < until)) || return 1
        sleep 0.01
    done
}

# service_ready NAME COMMAND...: what was just spawned answers, or has ended.
service_ready() {
    local name=$1

    shift
    wait_until 60 service_ready_or_gone "$@" && ! gone "$SPAWNED" && return
    log_tail "$name"
    return 1
}

service_ready_or_gone() {
    gone "$SPAWNED" || "$@" 2>/dev/null
}

# service_stop NAME SIGNAL SECONDS
service_stop() {
    local pid

    if service_pid "$1"; then
        pid=$PID
        kill -s "$2" "$pid" || true
        kill -s CONT "$pid" 2>/dev/null || true
        if ! wait_until "$3" gone "$pid"; then
            say "$1 does not end within $3 s; killing it"
            kill -s KILL "$pid" || true
            wait_until 5 gone "$pid" || die "$1, process $pid, can't be killed"
        fi
    fi
    rm -f "$SCRATCH/pid/$1.pid"
}

log_tail() {
    say "the last lines of $SCRATCH/log/$1.log:"
    tail -n "${2:-15}" "$SCRATCH/log/$1.log" >&2 || true
}

# --- PostgreSQL

postgres_bin() {
    local found

    found=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    printf '%s/%s' "$found" "$1"
}

postgres_start() {
    local data=$SCRATCH/pg args

    service_pid postgres && return
    if [[ ! -s $data/PG_VERSION ]]; then
        say 'making the database'
        rm -rf "$data"
        "$(postgres_bin initdb)" -D "$data" --username=postgres --auth=trust --locale=C.UTF-8 --encoding=UTF8 \
            --no-sync >"$SCRATCH/log/initdb.log" 2>&1 || die 'initdb failed:' "$(tail -n 5 "$SCRATCH/log/initdb.log")"
    fi
    args=(-D "$data" -k "$SCRATCH/run/pg" -c listen_addresses= -c unix_socket_permissions=0770
        -c max_connections=400 -c log_line_prefix='%m [%p] %q%u ' -c timezone=UTC)
    # Tests kill processes, never the machine.
    [[ $KIND != test ]] || args+=(-c fsync=off -c full_page_writes=off)
    spawn postgres "$(postgres_bin postgres)" "${args[@]}"
    service_ready postgres "$(postgres_bin pg_isready)" -q -h "$SCRATCH/run/pg" -U postgres || die 'PostgreSQL does not start'
}

postgres_stop() {
    service_stop postgres INT 30
}

psql_as_superuser() {
    "$(postgres_bin psql)" -X -h "$SCRATCH/run/pg" -U postgres "$@"
}

schema_apply() {
    [[ $(psql_as_superuser -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'mayfly'") == 1 ]] ||
        psql_as_superuser -d postgres -qc 'CREATE DATABASE mayfly' || die 'the database can not be made'
    psql_as_superuser -d mayfly -q -v ON_ERROR_STOP=1 -f "$INST/share/mayfly/sql/schema/apply.sql" \
        >"$SCRATCH/log/schema.log" 2>&1 || die 'the schema was not applied:' "$(tail -n 15 "$SCRATCH/log/schema.log")"
}

command_psql() {
    service_pid postgres || die 'PostgreSQL does not run; start it with ./dev up'
    exec "$(postgres_bin psql)" -h "$SCRATCH/run/pg" -U postgres -d mayfly "$@"
}

# --- memcached

memcached_start() {
    service_pid memcached && return
    rm -f "$SCRATCH/run/memcached.sock"
    spawn memcached /usr/bin/memcached -s "$SCRATCH/run/memcached.sock" -a 0660 -m 64 -c 4096 -t 2
    service_ready memcached test -S "$SCRATCH/run/memcached.sock" || die 'memcached does not start'
}

memcached_stop() {
    service_stop memcached TERM 10
}

# --- nginx

port_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

nginx_port() {
    cat "$SCRATCH/port" 2>/dev/null || true
}

# nginx_start PORT; false when it does not start.
nginx_start() {
    service_pid nginx && return
    nginx_check || return 1
    # One that was killed has left its socket.
    rm -f "$SCRATCH/run/gate.sock"
    spawn nginx /usr/sbin/nginx -e "$SCRATCH/log/nginx.log" -c "$SCRATCH/etc/nginx.conf"
    printf '%s\n' "$1" >"$SCRATCH/port"
    service_ready nginx port_taken "$1"
}

nginx_check() {
    /usr/sbin/nginx -q -t -e "$SCRATCH/log/nginx.log" -c "$SCRATCH/etc/nginx.conf" >&2
}

nginx_stop() {
    service_stop nginx TERM 10
}

command_url() {
    printf 'http://127.0.0.1:%s\n' "$(nginx_port)"
}

command_service() {
    (($# >= 2)) || usage_error 'service wants start, stop or signal, and a name'
    [[ $2 =~ ^(postgres|memcached|nginx|radosgw)$ ]] || usage_error "service: there is no service '$2'"
    case $1 in
    start)
        if [[ $2 == nginx ]]; then
            nginx_start "$(nginx_port)" || die 'nginx does not start'
        else
            "$2_start"
        fi
        ;;
    stop) "$2_stop" ;;
    signal)
        (($# == 3)) || usage_error 'service signal wants a signal'
        service_pid "$2" || die "$2 does not run"
        kill -s "${3#-}" "$PID"
        ;;
    *) usage_error "service: '$1' is not start, stop or signal" ;;
    esac
}
