# shellcheck shell=bash
# What dev says: progress to standard error, so that standard output is for results.

say() {
    printf 'dev: %s\n' "$*" >&2
}

die() {
    printf 'dev: %s\n' "$@" >&2
    exit 1
}

# 2: not understood, as mayflyctl says it.
usage_error() {
    printf 'dev: %s\n' "$1" 'see ./dev help' >&2
    exit 2
}
