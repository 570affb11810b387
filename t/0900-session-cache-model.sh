#!/bin/sh
# The session cache keeps promise P4 (logout wins) in every interleaving that
# t/model/session_cache.pml allows, and the model can fail: each known mistake
# is found, and each state of interest is reached. See t/model/README.md.

model=$(cd "$(dirname "$0")/model" && pwd)/session_cache.pml || exit 1
CC=${CC:-cc}

command -v spin >/dev/null || { echo '1..0 # SKIP spin is not installed'; exit 0; }
command -v "$CC" >/dev/null || { echo "1..0 # SKIP $CC is not installed"; exit 0; }

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch" || exit 1

# KIND;SWITCHES;NAME. holds: the promise does. mistake: it does not, and the
# checker says so. reached N: it finds point N, so the state can happen.
checks() {
	cat <<-'EOF'
		holds;;P4a: nothing old is accepted after the answer
		holds;-DUNREACHABLE;P4b: with an unreachable node, nothing old after cache_fresh_s
		holds;-DREADERS=2 -DELDERS=1;P4a: with workers of two releases and their two layouts
		holds;-DREADERS=2 -DELDERS=1 -DUNREACHABLE;P4b: with these too
		holds;-DREADERS=2 -DHOSTILE;P4b: nothing old after cache_fresh_s, whatever who rules memcached replays and claims
		mistake;-DBUG_BLIND_SET;found: a fill by SET
		mistake;-DBUG_NO_LEASE;found: a fill by ADD after a miss
		mistake;-DBUG_RECONNECT;found: a fill with the id of a server since restarted
		mistake;-DBUG_REPLAY;found: a replayed answer without a tombstone
		mistake;-DBUG_ONE_TRY;found: a tombstone lost on a dead connection
		mistake;-DBUG_LATE_STAMP -DUNREACHABLE;found: read_at taken at the fill
		mistake;-DSTRICT -DUNREACHABLE;found: P4a does not hold with an unreachable node
		mistake;-DELDERS=1 -DBUG_KEY_PER_LAYOUT;found: a key for each layout, which the other release's tombstone misses
		mistake;-DHOSTILE -DSTRICT;found: a replayed entry within cache_fresh_s
		reached 1;;reached: a hit
		reached 2;;reached: a stale entry is filled again
		reached 3;;reached: a fill loses against a tombstone
		reached 4;;reached: an answer by a replay
		reached 5;-DUNREACHABLE;reached: an answer while an old entry is in the cache
		reached 6;;reached: a lease takes a tombstone's place
		reached 7;-DELDERS=1;reached: the older release's entry is replaced
		reached 8;;reached: a forged item is replaced
		reached 9;;reached: a lease is given back
		reached 10;-DHOSTILE;reached: an old entry is put back after the answer
	EOF
}

# check NUMBER SWITCHES: runs the checker over the model built so, in a folder
# of its own; what it printed is in NUMBER/report, how it ended in NUMBER/status
check() {
	mkdir "$1" && cd "$1" || return
	# shellcheck disable=SC2086 # several switches
	spin -a $2 "$model" >report 2>&1 &&
		$CC -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=1500 -o pan pan.c >>report 2>&1 &&
		./pan -m1000000 >>report 2>&1
	echo $? >status
}

# judge KIND NUMBER: whether the report says what it should
judge() {
	case $1 in
	holds)
		# No error, and the search was exhaustive.
		[ "$(cat "$2/status")" = 0 ] && grep -q 'errors: 0$' "$2/report" &&
			! grep -q -e 'Search not completed' -e 'max search depth too small' "$2/report"
		;;
	# The promise's assertion speaks of `answered`, the points' of their number.
	mistake) grep -q '^pan:1: assertion violated.*answered' "$2/report" ;;
	*) grep -q "^pan:1: assertion violated.*(${1#* }!=${1#* })" "$2/report" ;;
	esac
}

number=0
while IFS=';' read -r kind switches _; do
	number=$((number + 1))
	case $kind in
	mistake) switches="-DREADERS=2 $switches" ;;
	reached*) switches="-DREADERS=2 $switches -DREACH=${kind#* }" ;;
	esac
	(check "$number" "$switches") &
	# As many at once as there are processors.
	[ $((number % $(nproc))) -ne 0 ] || wait
done <<EOF
$(checks)
EOF
wait

count=0
failed=0
echo "1..$number"
while IFS=';' read -r kind _ name; do
	count=$((count + 1))
	if judge "$kind" "$count"; then
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		echo "not ok $count - $name"
		sed 's/^/# /' "$count/report"
	fi
	sed -n 's/^ *\([0-9]*\) states, stored.*/# \1 states/p' "$count/report"
done <<EOF
$(checks)
EOF

[ "$failed" -eq 0 ] && [ "$count" -eq 24 ]
