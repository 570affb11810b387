# shellcheck shell=bash
# What dev says: progress to standard error, so that standard output is for results.

say() {
    printf 'dev: %s\n' "$*" >&2
}

die() {
    printf 'dev: %s\n' "$@" >&2
    exit 1
}

usage_error() {
    die "$1" 'see ./dev help'
}
