#!/bin/sh
# make coverage says which lines the unit tests ran: those that one test runs, and not those that it does not.

checkout=$(cd "$(dirname "$0")/.." && pwd) || exit 1
test=t/0110-text

command -v gcovr >/dev/null || { echo '1..0 # SKIP gcovr is not installed'; exit 0; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch" || exit 1

# ok NAME COMMAND...
ok() {
	name=$1
	shift
	count=$((count + 1))
	if "$@"; then echo "ok $count - $name"; else echo "not ok $count - $name"; tail -n 20 said >&2; fi
}

# covered FILE: its percentage in the table
covered() {
	sed -n "s:^src/$1 .* \([0-9]*\)%.*:\1:p" table
}

count=0
echo 1..5
ok 'configure --enable-coverage' sh -c "'$checkout/configure' -q --enable-coverage >said 2>&1"
ok 'make coverage' sh -c "make -s -j2 coverage TESTS=$test check_PROGRAMS=$test >table 2>said"
ok 'a file that the test is of is covered' test "$(covered base/utf8.c)" -gt 0
ok 'one that it is not of is there, with nothing' test "$(covered worker/worker.c)" = 0
ok 'the lines are in coverage/index.html' grep -q utf8.c coverage/index.html
