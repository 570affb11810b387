# shellcheck shell=bash

help_command() {
    case $1 in
    up) cat <<'TEXT' ;;
./dev up [--port N] [--s3]

Installs the Debian packages that are missing, builds in build/, and starts PostgreSQL, memcached, nginx and the pools in a
scratch folder of their own, with the sites of examples/ behind the gate. Prints the addresses, and who may log in. Again:
builds what changed and leaves alone what runs. As root it does all but the packages and the build as www-data, or as the
owner of the checkout.

  --port N   nginx listens on 127.0.0.1:N; 8080 at first
  --s3       files go to S3, a Ceph gateway that is started as well; ./dev config objects postgres takes it back
TEXT
    down) cat <<'TEXT' ;;
./dev down [--clean]

Stops everything that up started.

  --clean   remove the scratch folder as well, with the database in it
TEXT
    status) cat <<'TEXT' ;;
./dev status

Lists services, pools and workers. True when all of them run.
TEXT
    logs) cat <<'TEXT' ;;
./dev logs [-f] [name]

The last lines of each log, or of one: nginx, access, postgres, memcached or a pool.

  -f   go on printing what comes
TEXT
    restart) cat <<'TEXT' ;;
./dev restart [pool]

Replaces the workers of a pool, or of one pool after the other, without failing a request: the old ones answer what is
queued and in hand, while nginx goes to the other pool. New workers take this command's environment, MAYFLY_CRASH with it.
TEXT
    scale) cat <<'TEXT' ;;
./dev scale pool N

Restarts a pool with N workers, as restart does.
TEXT
    kill) cat <<'TEXT' ;;
./dev kill [-SIGNAL]

Sends KILL, or another signal, to every worker at once. multiwatch starts new ones.
TEXT
    psql) cat <<'TEXT' ;;
./dev psql [args]

psql in this stack's database, as its superuser.
TEXT
    url) cat <<'TEXT' ;;
./dev url

Prints the address.
TEXT
    config) cat <<'TEXT' ;;
./dev config NAME VALUE

Sets a setting in etc/mayfly.conf of the scratch folder, and returns when all workers have been replaced by new ones.
TEXT
    service) cat <<'TEXT' ;;
./dev service start|stop postgres|memcached|nginx|radosgw
./dev service signal postgres|memcached|nginx|radosgw SIGNAL

Stops, starts or signals one service. radosgw is an S3 storage, made when it is started for the first time.
TEXT
    stack) cat <<'TEXT' ;;
./dev stack up|down

Starts or stops a stack in MAYFLY_SCRATCH without building, with the programs in MAYFLY_INST: for tests that need a further
one. Its port is free to choose for nginx; `./dev url` knows it.
TEXT
    test) cat <<'TEXT' ;;
./dev test [--long] [--keep] [--sanitize] [--jobs N] [-v] [pattern...]
./dev test --unit [pattern...]

Builds, starts a few stacks and runs the tests on them side by side. A pattern is a regular expression for their names:
`./dev test ^4` runs those through nginx.

Those named *.alone.* measure, and run one after the other when the rest is done. Those named *.root.* boot whole machines with
a systemd of their own: as root they run last.

  --unit   the unit tests only, which are C: no service is needed and no package but those of the build
  --long   those named *.long.* as well
  --keep   leave the stacks running afterwards, in lane-* of the scratch folder: MAYFLY_SCRATCH=FOLDER ./dev status
  --jobs N how many run side by side; one more than there are processors when it is not said
  --sanitize
           with programs built with ASan and UBSan, in a build and a scratch folder of their own; any report of a sanitizer
           is shown and is a failure. Not for tests that measure: 5300, 5600.
  -v       print each line that a test prints
TEXT
    prove) cat <<'TEXT' ;;
./dev prove [option...]

mayfly-prove on the stack that `up` started, while its workers are killed and its pools, cache and database are
restarted and stopped. The report is in log/prove.html and log/prove.json of the scratch folder, and names each promise that
was found to be broken. Takes a minute.

  option   one of mayfly-prove(1), such as --users 100 or one more --hook
TEXT
    bench) cat <<'TEXT' ;;
./dev bench [rounds]
./dev bench files [--s3]
./dev bench replaced [rounds]
./dev bench gate [rounds]
./dev bench --against FOLDER [rounds [case]]

Measures requests a second and latencies through this nginx, and prints their ratios; with files MB/s of uploads and
downloads of 1 MB and 100 MB, beside what nginx does alone; with replaced the p99 and p99.9 of clients while workers are replaced
all the time, beside those while none is; with gate a file behind the gate beside the same file without it, with the cache of
its answers, and behind a gate of Fastify and Redis where node, npm and redis-server are there.

  --s3              also with the files in S3, a Ceph gateway that is started as well
  --against FOLDER  the same requests, in turns, to the stack of another checkout: how fast this one is, and how much CPU
                    it takes, as ratios to that one; case is a regular expression for their names
TEXT
    fuzz) cat <<'TEXT' ;;
./dev fuzz [harness] [seconds]

Builds the harnesses of t/fuzz with clang, libFuzzer, ASan and UBSan in build-fuzz/, and lets each, or one, look for input
that crashes its parser or breaks a promise; for 60 seconds, or as long as is said. What a harness has learned is kept in
corpus of the scratch folder and used the next time; an input that fails is in crash, and belongs in t/fuzz/past/HARNESS
with its fix. t/0950 tries those again, and runs each harness for some seconds.
TEXT
    '' | help | -h | --help) cat <<'TEXT' ;;
./dev COMMAND [arguments]       each has --help

  up [--port N] [--s3] build and start everything; prints the address
  down [--clean]       stop it
  status               what runs
  logs [-f] [name]     what it said
  restart [pool]       replace workers gracefully
  scale pool N         change a pool's number of workers
  kill [-SIGNAL]       SIGKILL every worker
  config NAME VALUE    change a setting
  service start|stop|signal NAME
  psql [args]          the database
  url                  the address
  test [pattern...]    every test, in stacks of its own
  prove [option...]    break it, and prove that nothing is lost
  bench                measure
  fuzz [harness] [s]   feed the parsers with what was never sent
  stack up|down        a stack without a build, for tests

Everything is in one folder in /tmp, or in MAYFLY_SCRATCH: for up, test, bench or fuzz, since each leaves alone what is another's.
MAYFLY_WORKERS sets the workers of the pools a and b (2).
TEXT
    *) usage_error "there is no command '$1'" ;;
    esac
}
