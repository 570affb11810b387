# shellcheck shell=bash
# All services together.

# stack_up [PORT]: starts what does not run. Without a port, any free one.
stack_up() {
    local name

    [[ -x $INST/bin/mayfly-worker ]] || die "there is no mayfly-worker in $INST/bin; build with ./dev up"
    scratch_folders
    settings_write
    postgres_start
    schema_apply
    memcached_start
    ! s3_chosen || radosgw_start
    # Before the workers read it; without a port it is known when nginx has one.
    [[ $KIND != up || -z ${1-} ]] || home_is "$1" || home_set "$1"
    "$INST/bin/mayfly-worker" -t -c "$SCRATCH/etc/mayfly.conf" >/dev/null || die "correct $SCRATCH/etc/mayfly.conf"
    for name in "${POOLS[@]}"; do
        pool_start "$name"
    done
    nginx_up "${1-}"
    wait_until 10 stack_answers || die "nothing answers at $(command_url)/health/live; see ./dev logs"
    [[ $KIND != up ]] || stack_sites
}

# What `up` shows beside mayfly itself.
stack_sites() {
    local port

    port=$(nginx_port)
    if ! home_is "$port"; then
        home_set "$port"
        pools_recycle
    fi
    sites_up "$port"
}

stack_answers() {
    curl -fs -o "$SCRATCH/tmp/live" "$(command_url)/health/live"
}

stack_down() {
    local name

    [[ -d $SCRATCH/pid ]] || return 0
    sites_down
    nginx_stop
    for name in "${POOLS[@]}"; do
        ! service_pid "pool-$name" || kill -s TERM "$PID"
    done
    for name in "${POOLS[@]}"; do
        pool_stop "$name" 5
    done
    memcached_stop
    postgres_stop
    radosgw_down
}

# Nothing of an earlier run is left, its data included.
stack_clear() {
    stack_down
    rm -rf "${SCRATCH:?}"/{etc,log,pid,run,pg,ceph,tmp,state,port}
    scratch_folders
}

port_free() {
    ! port_taken "$1" ||
        die "port $1 is taken by another program." \
            "Choose one with ./dev up --port N, or stop what \`ss -ltnp sport = :$1\` shows."
}

# nginx on a wanted port, or on a free one.
nginx_up() {
    local wanted=$1 port tries

    if service_pid nginx && [[ -z $wanted || $wanted == "$(nginx_port)" ]]; then
        nginx_refresh "$(nginx_port)"
        return
    fi
    if [[ -n $wanted ]]; then
        port_free "$wanted"
        nginx_stop
        nginx_write "$wanted"
        nginx_start "$wanted" || die 'nginx does not start'
        return
    fi
    for ((tries = 0; tries < 20; tries++)); do
        port=$((20000 + RANDOM % 10000))
        ! port_taken "$port" || continue
        nginx_write "$port"
        nginx_start "$port" && return
        nginx_check || break
    done
    die 'nginx does not start'
}

# Takes over changed files of ours while it runs.
nginx_refresh() {
    local before

    before=$(nginx_files)
    nginx_write "$1"
    [[ $before != "$(nginx_files)" ]] || return 0
    say 'nginx takes the changed configuration'
    nginx_check || die "nginx goes on with the old configuration"
    service_pid nginx && kill -s HUP "$PID"
}

nginx_files() {
    (cd "$SCRATCH/etc" && find nginx.conf main.d conf.d snippets sites.d -type f -print0 | sort -z | xargs -0 cat | cksum)
}

# One at a time, and never while a test of the same folder runs. spawn closes it for what it starts.
stack_lock() {
    exec 9>"$SCRATCH/lock"
    flock -n 9 || die "another dev is at work in $SCRATCH; wait for it, or name another folder in MAYFLY_SCRATCH"
}

program_stamp() {
    stat -c '%i %Y' "$INST/bin/mayfly-worker" 2>/dev/null || true
}

# Sets UP_PORT and UP_S3.
up_options() {
    UP_PORT='' UP_S3=false
    while (($# > 0)); do
        case $1 in
        --s3) UP_S3=true ;;
        --port)
            (($# > 1)) || usage_error 'up: --port wants a number'
            UP_PORT=$2
            shift
            ;;
        --port=*) UP_PORT=${1#*=} ;;
        *) usage_error "up does not know '$1'" ;;
        esac
        shift
    done
    UP_PORT=${UP_PORT:-$(nginx_port)}
    UP_PORT=${UP_PORT:-8080}
    if [[ ! $UP_PORT =~ ^[1-9][0-9]{0,4}$ ]] || ((UP_PORT > 65535)); then
        usage_error "up: '$UP_PORT' is not a port"
    fi
}

# Before packages are installed and anything is built: what would stop it at its end. "$@" are up's options.
up_possible() {
    up_options "$@"
    [[ $UP_PORT == "$(nginx_port)" ]] && service_pid nginx && return
    port_free "$UP_PORT"
}

command_up() {
    local before url

    up_options "$@"
    scratch_folders
    stack_lock
    scratch_claim
    before=$(program_stamp)
    build_install
    if $UP_S3; then
        settings_write
        radosgw_start
        s3_chosen || setting_set objects s3
    fi
    stack_up "$UP_PORT"
    if [[ -n $before && $before != "$(program_stamp)" ]]; then
        say 'the workers are replaced by the new program'
        pools_recycle
    elif $UP_S3; then
        pools_recycle
    fi
    url=$(command_url)
    cat <<TEXT
mayfly answers at $url
everything is in $SCRATCH; ./dev status, ./dev logs, ./dev down

$(sites_tell "$(nginx_port)")

Or without a browser
  curl -d username=ann -d password='a quiet green lamp' $url/register
  curl -d username=ann -d password='a quiet green lamp' $url/login
  curl -H 'Authorization: Bearer TOKEN' $url/profile
TEXT
}

command_down() {
    case ${1-} in
    '') stack_lock && stack_down && lanes_each stack_down ;;
    --clean)
        stack_lock && stack_down && lanes_clear
        # The folder itself may be somebody's choice, or in a place where it can't be made again.
        rm -rf "${SCRATCH:?}"/{inst,etc,log,pid,run,pg,ceph,tmp,state,port,kind,lock}
        rmdir "$SCRATCH" 2>/dev/null || true
        ;;
    *) usage_error "down does not know '$1'" ;;
    esac
}

command_stack() {
    case ${1-} in
    up)
        scratch_make
        stack_up
        command_url
        ;;
    down) stack_down ;;
    *) usage_error 'stack wants up or down' ;;
    esac
}

status_line() {
    local name=$1

    if service_pid "$name"; then
        printf '%-14s %8s  %s\n' "$name" "$PID" "$2"
        return
    fi
    printf '%-14s %8s  %s\n' "$name" - 'does not run'
    return 1
}

command_status() {
    local name ok=true size

    status_line nginx "$(command_url)" || ok=false
    status_line postgres "$SCRATCH/run/pg" || ok=false
    status_line memcached "$SCRATCH/run/memcached.sock" || ok=false
    ! s3_chosen || status_line radosgw "http://127.0.0.1:$(radosgw_port http)" || ok=false
    for name in "${POOLS[@]}"; do
        workers_find "$name"
        size=$(pool_size "$name")
        status_line "pool-$name" "${#WORKERS[@]} of $size workers: ${WORKERS[*]}" && ((${#WORKERS[@]} == size)) || ok=false
    done
    for name in "${SITE_PROGRAMS[@]}"; do
        [[ ! -e $SCRATCH/etc/sites.d/$name.conf ]] || status_line "$name" "$(site_url "$name" "$(nginx_port)")" || ok=false
    done
    $ok
}

command_logs() {
    local follow=() name files=()

    case ${1-} in
    -f)
        follow=(-F)
        shift
        ;;
    esac
    for name; do
        [[ " ${POOLS[*]} " != *" $name "* ]] || name=pool-$name
        [[ -f $SCRATCH/log/$name.log ]] || die "there is no log $name; there are:" "$(cd "$SCRATCH/log" && echo ./*.log)"
        files+=("$SCRATCH/log/$name.log")
    done
    ((${#files[@]} > 0)) || files=("$SCRATCH"/log/*.log)
    exec tail -n 40 "${follow[@]}" "${files[@]}"
}
