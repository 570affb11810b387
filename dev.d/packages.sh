# shellcheck shell=bash
# Debian packages, and how the missing ones are installed without leaving a service behind.

PACKAGES_BUILD=(autoconf automake make gcc libc6-dev pkg-config perl
    libfcgi-dev libpq-dev libmemcached-dev libjansson-dev libsodium-dev libunistring-dev libzxcvbn-dev libcmocka-dev
    libcurl4-openssl-dev libssl-dev libexpat1-dev libpcre2-dev libmagic-dev libvips-dev libseccomp-dev)
PACKAGES_UP=("${PACKAGES_BUILD[@]}"
    postgresql memcached nginx-light spawn-fcgi multiwatch curl python3 procps openssl)
# What the example sites of `up` run under.
PACKAGES_SITES=(php-fpm python3-flask gunicorn)
PACKAGES_S3=(ceph-mon ceph-osd radosgw ceph-common)
PACKAGES_FUZZ=(clang libclang-rt-dev)
PACKAGES_TEST=("${PACKAGES_S3[@]}" "${PACKAGES_FUZZ[@]}" clang-format pgbouncer prometheus python3-prometheus-client collectd-core spin wrk
    php-cli "${PACKAGES_SITES[@]}" python3-redis redis-server python3-jsonschema python3-pil python3-selenium
    chromium chromium-driver zsh
    build-essential debhelper lintian man-db mandoc systemd systemd-container)
# Unless there is an npm already: a Node.js from elsewhere brings its own, and Debian's conflicts with it.
PACKAGES_NPM=(nodejs npm)
# Another S3, which t/5963 brings up by itself, and another Debian, which t/7400 does.
PACKAGES_LONG=(gcovr python3-swift mmdebstrap)
PACKAGES_BENCH=(wrk nghttp2-client)

packages_missing() {
    local -A installed=()
    local package status

    while read -r package status; do
        [[ $status != installed ]] || installed[$package]=1
    done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null)
    for package; do
        [[ -n ${installed[$package]-} ]] || printf '%s\n' "$package"
    done
}

# packages_require unit|up|s3|test|long|bench|fuzz
packages_require() {
    local wanted=("${PACKAGES_UP[@]}") missing become=()

    [[ $1 != unit ]] || wanted=("${PACKAGES_BUILD[@]}")
    [[ $1 != up && $1 != s3 ]] || wanted+=("${PACKAGES_SITES[@]}")
    [[ $1 != s3 ]] || wanted+=("${PACKAGES_S3[@]}")
    [[ $1 != test && $1 != long ]] || wanted+=("${PACKAGES_TEST[@]}")
    [[ $1 != test && $1 != long ]] || command -v npm >/dev/null || wanted+=("${PACKAGES_NPM[@]}")
    [[ $1 != long ]] || wanted+=("${PACKAGES_LONG[@]}")
    [[ $1 != bench ]] || wanted+=("${PACKAGES_BENCH[@]}")
    [[ $1 != fuzz ]] || wanted+=("${PACKAGES_FUZZ[@]}")
    command -v dpkg-query >/dev/null || die 'this needs Debian: there is no dpkg here'
    mapfile -t missing < <(packages_missing "${wanted[@]}")
    ((${#missing[@]} > 0)) || return 0

    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die 'packages are missing and there is no sudo. As root, run' "    apt-get install ${missing[*]}"
        become=(sudo)
    fi
    say "installing ${#missing[@]} packages: ${missing[*]}"
    "${become[@]}" bash -c "$(declare -f say packages_install); packages_install \"\$@\"" packages "${missing[@]}" ||
        die 'the packages were not installed; what apt-get says is above. By hand:' "    apt-get install ${missing[*]}"
}

# As root. The services of these packages are for our private stacks: none is started, now or at the next boot.
packages_install() {
    local policy=/usr/sbin/policy-rc.d apt=(apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300) package status=0

    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    if [[ ! -e $policy ]]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    set -o pipefail
    "${apt[@]}" -q update >/dev/null || say 'apt-get update failed; trying with the lists that are here'
    "${apt[@]}" install --no-install-recommends "$@" | sed -un 's/^Setting up /  &/p' || status=1
    for package in postgresql memcached nginx pgbouncer prometheus redis-server; do
        [[ " $* " != *" $package"* ]] || ! command -v systemctl >/dev/null ||
            systemctl disable --now "$package" >/dev/null 2>&1 || true
    done
    for package in /lib/systemd/system/php*-fpm.service; do
        [[ " $* " != *' php-fpm '* || ! -e $package ]] || ! command -v systemctl >/dev/null ||
            systemctl disable --now "${package##*/}" >/dev/null 2>&1 || true
    done
    return $status
}
