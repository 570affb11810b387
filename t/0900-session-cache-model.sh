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

count=0
failed=0

# check SWITCHES: run the checker over the model built so; its report is in ./report
check() {
	rm -f pan* report ./*.trail
	# shellcheck disable=SC2086 # several switches
	spin -a $1 "$model" >report 2>&1 &&
		$CC -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=1500 -o pan pan.c >>report 2>&1 &&
		./pan -m1000000 >>report 2>&1
}

# verdict STATUS NAME: one line of TAP, with the report if it is bad
verdict() {
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		failed=$((failed + 1))
		echo "not ok $count - $2"
		sed 's/^/# /' report
	fi
}

# holds SWITCHES NAME: no error, and the search was exhaustive
holds() {
	check "$1" && grep -q 'errors: 0$' report &&
		! grep -q -e 'Search not completed' -e 'max search depth too small' report
	verdict $? "$2"
	sed -n 's/^ *\([0-9]*\) states, stored.*/# \1 states/p' report
}

# found SWITCHES TEXT NAME: the checker stops at an assertion that reads so
found() {
	check "$1"
	grep -q "^pan:1: assertion violated.*$2" report
	verdict $? "$3"
}

# The promise's assertion speaks of `answered`, the points' of their number.
mistake() { found "-DREADERS=2 $1" answered "$2"; }
reached() { found "-DREADERS=2 $2 -DREACH=$1" "($1!=$1)" "$3"; }

echo 1..15
holds   ''                               'P4a: nothing old is accepted after the answer'
holds   -DUNREACHABLE                    'P4b: with an unreachable node, nothing old after cache_fresh_s'

mistake -DBUG_BLIND_SET                  'found: a fill by SET'
mistake -DBUG_NO_LEASE                   'found: a fill by ADD after a miss'
mistake -DBUG_RECONNECT                  'found: a fill with the id of a server since restarted'
mistake -DBUG_REPLAY                     'found: a replayed answer without a tombstone'
mistake -DBUG_ONE_TRY                    'found: a tombstone lost on a dead connection'
mistake '-DBUG_LATE_STAMP -DUNREACHABLE' 'found: read_at taken at the fill'
mistake '-DSTRICT -DUNREACHABLE'         'found: P4a does not hold with an unreachable node'

reached 1 ''                             'reached: a hit'
reached 2 ''                             'reached: a stale entry is filled again'
reached 3 ''                             'reached: a fill loses against a tombstone'
reached 4 ''                             'reached: an answer by a replay'
reached 6 ''                             'reached: a tombstone is overwritten by a lease'
reached 5 -DUNREACHABLE                  'reached: an answer while an old entry is in the cache'

[ "$failed" -eq 0 ] && [ "$count" -eq 15 ]
