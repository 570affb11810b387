#!/usr/bin/env bash
# S3 as object/s3.h has it, against a Ceph gateway of our own: keys, TLS, the two styles of URLs, parts, lists, refusals.
set -euo pipefail
"$MAYFLY_DEV" service start radosgw >&2
port() {
    sed -n "s/^radosgw-$1 //p" "$MAYFLY_SCRATCH/state"
}
exec "$MAYFLY_BUILD/t/s3-contract" "$MAYFLY_SCRATCH/etc/mayfly.conf" "https://127.0.0.1:$(port https)" \
    "$MAYFLY_SCRATCH/etc/s3-ca.pem" "http://localhost:$(port http)"
