# shellcheck shell=bash
# The files in etc/ of the scratch folder.

settings_write() {
    local conf=$SCRATCH/etc/mayfly.conf

    if [[ ! -s $SCRATCH/etc/secret ]]; then
        (umask 077 && openssl rand -hex 32 >"$SCRATCH/etc/secret")
    fi
    [[ ! -s $conf ]] || return 0
    cat >"$conf" <<CONF
# Made by ./dev; it is kept until the folder is removed.
database = host=$SCRATCH/run/pg dbname=mayfly user=mayfly
cache = unix:$SCRATCH/run/memcached.sock
secret_file = $SCRATCH/etc/secret
cookie_secure = no
worker_header = yes
demo = yes
sniff_program = $INST/libexec/mayfly-sniff
thumbnail_program = $INST/libexec/mayfly-thumbnail
CONF
    # Tests log in by the hundred, all from one address.
    [[ $KIND != test ]] || cat >>"$conf" <<CONF
password_memory_kib = 1024
password_passes = 1
login_failures_per_pair = 1000000
login_failures_per_account = 1000000
login_failures_per_address = 1000000
CONF
}

# setting_set NAME VALUE; the file stays as it was when a worker would not take it.
setting_set() {
    local conf=$SCRATCH/etc/mayfly.conf

    [[ $1 =~ ^[a-z][a-z0-9_]*$ && $2 != *$'\n'* ]] || usage_error "config: '$1' is not the name of a setting"
    {
        while IFS= read -r line; do
            [[ $line =~ ^$1[[:space:]]*= ]] || printf '%s\n' "$line"
        done <"$conf"
        printf '%s = %s\n' "$1" "$2"
    } >"$conf.new"
    "$INST/bin/mayfly-worker" -t -c "$conf.new" >/dev/null || die "$conf is left as it was"
    mv "$conf.new" "$conf"
}

command_config() {
    (($# == 2)) || usage_error 'config wants a name and a value'
    setting_set "$1" "$2"
    pools_recycle
}

# nginx_write PORT: the shipped files with this folder's paths, and the rest of an nginx.conf around them.
nginx_write() {
    local etc=$SCRATCH/etc shipped=$INST/share/mayfly/nginx name

    # Copies, which tests may change; they include each other.
    for name in locations pass fastcgi small params errors events gate ask refused protect{,-fastcgi,-uwsgi,-grpc} public; do
        sed 's,include [^ ]*/mayfly/nginx/mayfly,include snippets/mayfly,' "$shipped/mayfly-$name.conf" >"$etc/snippets/mayfly-$name.conf"
    done
    sed "s,/run/mayfly/nginx/,$SCRATCH/run/," "$shipped/mayfly-inner.conf" >"$etc/conf.d/mayfly-inner.conf"
    cp "$shipped/mayfly.conf" "$shipped/mayfly-limits.conf" "$etc/conf.d/"
    mkdir -p "$etc/main.d"
    cp "$shipped/mayfly-main.conf" "$etc/main.d/"
    sed -e "s,/run/mayfly/,$SCRATCH/run/,; s,/usr/local/share/mayfly/,$INST/share/mayfly/," \
        "$shipped/mayfly-host.conf" >"$etc/conf.d/mayfly-host.conf"
    # The gateway chooses its port when it first starts.
    [[ -z $(radosgw_port http) ]] || sed -i "/^map .*mayfly_s3 /,/^}/ s,default \"\";,default http://127.0.0.1:$(radosgw_port http);," \
        "$etc/conf.d/mayfly-host.conf"
    [[ $KIND != up ]] || sites_write "$1"
    # A load from one address is what tests and measurements are.
    [[ $KIND == up ]] || sed -i '/^geo /,/^}/ s/default  *1;/default 0;/' "$etc/conf.d/mayfly-limits.conf"
    # The ceiling that `bench` compares with.
    [[ $KIND != bench ]] || cat >"$etc/snippets/bench.conf" <<CONF
location = /return-200 {
    client_max_body_size 0;
    return 200;
}
location /bench-files/ {
    alias $SCRATCH/tmp/bench/;
}
CONF
    cat >"$etc/nginx.conf" <<CONF
# Made by ./dev. mayfly's own files are in conf.d and snippets, as they are on a server.
daemon off;
worker_processes 2;
pid $SCRATCH/pid/nginx.pid;
error_log $SCRATCH/log/nginx.log warn;
include main.d/*.conf;
events {
    include snippets/mayfly-events.conf;
}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    client_body_temp_path $SCRATCH/tmp/body;
    fastcgi_temp_path $SCRATCH/tmp/fastcgi;
    proxy_temp_path $SCRATCH/tmp/proxy;
    scgi_temp_path $SCRATCH/tmp/scgi;
    uwsgi_temp_path $SCRATCH/tmp/uwsgi;
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    keepalive_requests 100000;
    include conf.d/*.conf;

    server {
        listen 127.0.0.1:$1 backlog=4096;
        access_log $SCRATCH/log/access.log mayfly buffer=64k flush=1s;
        include snippets/mayfly-errors.conf;
        include snippets/mayfly-locations.conf;
        include snippets/bench.conf*;
        include snippets/mayfly-gate.conf;
        location / {
            include snippets/mayfly-pass.conf;
        }
    }
    include sites.d/*.conf;
}
CONF
}
