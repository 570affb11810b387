# shellcheck shell=bash
# An S3 storage that is ours alone: Ceph's gateway over one monitor and one OSD, which holds the bytes in memory and
# writes them down when it is stopped. It starts when it is first asked for; `service stop radosgw` stops the gateway only,
# as when a storage is away, and what it stored is there again afterwards.

RADOSGW_BUCKET=mayfly

# The gateway's port, that of its TLS listener, and the monitor's.
radosgw_port() {
    state_get "radosgw-$1"
}

# radosgw_choose_port NAME: one that is free now and none of our others, of a range that nothing else here uses.
radosgw_choose_port() {
    local port

    for _ in {1..50}; do
        port=$((30000 + RANDOM % 2000))
        if ! port_taken "$port" && ! grep -q "^radosgw-.* $port\$" "$SCRATCH/state"; then
            state_set "radosgw-$1" "$port"
            return
        fi
    done
    die 'no port is free from 30000 to 31999'
}

# Without auth, radosgw waits for ever unless the monitor is spoken to in mode crc. The monitor's short waits make a pool in
# 0.1 s instead of 1.4; the first start makes several, which took 11 s. A fast shutdown writes nothing down. Without tcp_nodelay a small answer takes 40 ms.
radosgw_write() {
    local ceph=$SCRATCH/ceph

    cat >"$SCRATCH/etc/ceph.conf" <<CONF
# Made by ./dev.
[global]
fsid = $(<"$ceph/fsid")
mon host = [v2:127.0.0.1:$(radosgw_port monitor)/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
keyring = /dev/null
run dir = $SCRATCH/run/ceph
admin socket = $SCRATCH/run/ceph/\$name.asok
pid file =
log to file = false
log to stderr = true
err to stderr = true
debug rocksdb = 0
debug memdb = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
[mon]
mon data = $ceph/mon
mon data avail crit = 0
mon cluster log to file = false
mon cluster log file = /dev/null
paxos propose interval = 0.01
paxos min wait = 0.01
[osd]
osd data = $ceph/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd fast shutdown = false
osd class load list = *
osd class default list = *
[client.rgw]
rgw data = $ceph/rgw
rgw dns name = localhost
rgw thread pool size = 32
rgw gc obj min wait = 1
rgw gc processor period = 5
rgw gc processor max time = 5
rgw frontends = beast endpoint=127.0.0.1:$(radosgw_port http) ssl_endpoint=127.0.0.1:$(radosgw_port https) ssl_certificate=$SCRATCH/etc/s3-server.pem tcp_nodelay=1
CONF
}

# For 127.0.0.1, signed by itself: mayfly is told to believe it by s3_ca_file.
radosgw_certificate() {
    local pem=$SCRATCH/etc/s3-server.pem

    [[ ! -s $pem ]] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.localhost -keyout "$pem.key" -out "$SCRATCH/etc/s3-ca.pem" \
        2>"$SCRATCH/log/openssl.log" || die 'no certificate:' "$(tail -n 3 "$SCRATCH/log/openssl.log")"
    (umask 077 && cat "$pem.key" "$SCRATCH/etc/s3-ca.pem" >"$pem")
    rm -f "$pem.key"
}

ceph_run() {
    local program=$1

    shift
    timeout 60 "$program" -c "$SCRATCH/etc/ceph.conf" "$@" >>"$SCRATCH/log/ceph.log" 2>&1 ||
        die "$program $* failed:" "$(tail -n 5 "$SCRATCH/log/ceph.log")"
}

# Sets up what is not there yet and starts monitor and OSD.
ceph_start() {
    local ceph=$SCRATCH/ceph fsid new=false name

    mkdir -p "$ceph"/{mon,osd,rgw} "$SCRATCH/run/ceph"
    [[ -e $ceph/made ]] || new=true
    if $new; then
        say 'making an S3 storage'
        radosgw_down
        rm -rf "$ceph"/{mon,osd}/* "$SCRATCH/etc/s3"
        fsid=$(</proc/sys/kernel/random/uuid)
        printf '%s\n' "$fsid" >"$ceph/fsid"
        for name in http https monitor; do
            radosgw_choose_port $name
        done
        radosgw_certificate
        radosgw_write
        rm -f "$ceph/monmap"
        timeout 60 monmaptool --create --addv a "[v2:127.0.0.1:$(radosgw_port monitor)/0]" --fsid "$fsid" "$ceph/monmap" \
            >>"$SCRATCH/log/ceph.log" 2>&1 || die 'monmaptool failed:' "$(tail -n 5 "$SCRATCH/log/ceph.log")"
        ceph_run ceph-mon -i a --mkfs --monmap "$ceph/monmap"
    fi
    if ! service_pid ceph-mon; then
        spawn ceph-mon /usr/bin/ceph-mon -c "$SCRATCH/etc/ceph.conf" -i a -f
        service_ready ceph-mon port_taken "$(radosgw_port monitor)" || die 'the monitor does not start'
    fi
    if $new; then
        fsid=$(</proc/sys/kernel/random/uuid)
        ceph_run ceph --connect-timeout 30 osd new "$fsid"
        ceph_run ceph-osd -i 0 --mkfs --osd-uuid "$fsid"
        ceph_run ceph osd crush add osd.0 1 root=default
    fi
    if ! service_pid ceph-osd; then
        spawn ceph-osd /usr/bin/ceph-osd -c "$SCRATCH/etc/ceph.conf" -i 0 -f
        service_ready ceph-osd test -S "$SCRATCH/run/ceph/osd.0.asok" || die 'the OSD does not start'
    fi
    touch "$ceph/made"
}

# curl signs well enough for this; see object/sigv4.h for what it does not.
radosgw_ask() {
    local id secret

    id=$(sed -n 's/^AWS_ACCESS_KEY_ID=//p' "$SCRATCH/etc/s3")
    secret=$(sed -n 's/^AWS_SECRET_ACCESS_KEY=//p' "$SCRATCH/etc/s3")
    curl -fsS --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 -K - -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        -o /dev/null "$@" "http://127.0.0.1:$(radosgw_port http)/$RADOSGW_BUCKET" <<<"user = \"$id:$secret\""
}

radosgw_start() {
    local id secret name

    if service_pid radosgw; then
        radosgw_settings
        return
    fi
    command -v radosgw >/dev/null || die 'radosgw is not installed; ./dev up --s3 or ./dev test installs it'
    ceph_start
    if [[ ! -s $SCRATCH/etc/s3 ]]; then
        id=MAYFLY$(openssl rand -hex 7)
        secret=$(openssl rand -hex 20)
        ceph_run radosgw-admin -n client.rgw user create --uid mayfly --display-name mayfly \
            --access-key "$id" --secret-key "$secret"
        (umask 077 && printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n' "$id" "$secret" >"$SCRATCH/etc/s3")
    fi
    # Somebody else may have taken them while it did not run.
    for name in http https; do
        ! port_taken "$(radosgw_port $name)" || radosgw_choose_port $name
    done
    radosgw_write
    spawn radosgw /usr/bin/radosgw -c "$SCRATCH/etc/ceph.conf" -n client.rgw -f
    service_ready radosgw port_taken "$(radosgw_port http)" || die 'the S3 gateway does not start'
    radosgw_ask -I 2>/dev/null || radosgw_ask -X PUT || die 'the bucket can not be made; see ./dev logs radosgw'
    radosgw_settings
}

# Where files in S3 are; whether new ones go there is another setting.
radosgw_settings() {
    local endpoint

    endpoint=http://127.0.0.1:$(radosgw_port http)
    ! grep -qxF "s3_endpoint = $endpoint" "$SCRATCH/etc/mayfly.conf" || return 0
    setting_set s3_endpoint "$endpoint"
    setting_set s3_credentials "$SCRATCH/etc/s3"
    setting_set s3_bucket "$RADOSGW_BUCKET"
    ! service_pid nginx || nginx_refresh "$(nginx_port)"
}

radosgw_stop() {
    service_stop radosgw TERM 20
}

# In this order: each hangs when what it works with is gone.
radosgw_down() {
    radosgw_stop
    service_stop ceph-osd TERM 30
    service_stop ceph-mon TERM 10
}

# Whether this stack's new files go to S3.
s3_chosen() {
    grep -q '^objects *= *s3$' "$SCRATCH/etc/mayfly.conf" 2>/dev/null
}
