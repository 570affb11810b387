#!/usr/bin/env bash
# What every back end of objects promises, kept by PostgreSQL. Its outages are the database's: t/5300 tries them.
set -euo pipefail
export CONNECTION_END="$MAYFLY_DEV psql -qAtc \"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name = 'object-contract'\" >&2"
# cmocka says "not ok" of a promise that is not for this back end, and prove would take it at its word.
"$MAYFLY_BUILD/t/object-contract" postgres "$MAYFLY_SCRATCH/etc/mayfly.conf" |
    sed 's/^not ok \([0-9]* # SKIP\)/ok \1/'
