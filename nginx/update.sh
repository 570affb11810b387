#!/bin/sh
# update.sh [FOLDER]: for an installation that has copies of mayfly's files in /etc/nginx, as earlier releases wanted them. Each copy is
# kept as NAME.old, and a link to the installed file takes its place; then nginx reads its files again. If nginx refuses them,
# the copies are put back. mayfly-host.conf and mayfly-limits.conf in conf.d stay, since administrators edit them.
set -eu

from=$(cd "$(dirname "$0")" && pwd)
to=${1:-/etc/nginx}
linked=

for copy in "$to"/conf.d/mayfly*.conf "$to"/snippets/mayfly-*.conf; do
    name=${copy##*/}
    case $name in
    mayfly-host.conf | mayfly-limits.conf | mayfly-http.conf) continue ;;
    esac
    if [ -f "$copy" ] && [ ! -L "$copy" ] && [ -f "$from/$name" ]; then
        mv "$copy" "$copy.old"
        ln -s "$from/$name" "$copy"
        linked="$linked $copy"
    fi
done
if ! nginx -t; then
    for copy in $linked; do
        mv "$copy.old" "$copy"
    done
    echo "update.sh: nginx refuses the installed files, so the copies are back; see $from/README" >&2
    exit 1
fi
for copy in $linked; do
    echo "$copy is now a link; the copy is $copy.old"
done
systemctl reload nginx
