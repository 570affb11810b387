"""The real PgBouncer with transaction pooling, in front of the stack's PostgreSQL."""

import os
import shutil
import subprocess
from contextlib import contextmanager

from chaos import SCRATCH, wait_until

PORT = 6432
FOLDER = SCRATCH / "run" / "pgbouncer"


def installed():
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@contextmanager
def pgbouncer(servers, clients=400):
    """So many connections to PostgreSQL for so many clients. Gives what the setting `database` must be."""
    FOLDER.mkdir(exist_ok=True)
    ini = FOLDER / "pgbouncer.ini"
    ini.write_text(f"""[databases]
mayfly = host={SCRATCH}/run/pg dbname=mayfly user=mayfly
[pgbouncer]
listen_addr =
listen_port = {PORT}
unix_socket_dir = {FOLDER}
unix_socket_mode = 0770
auth_type = any
stats_users = watcher
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = {clients}
logfile = {FOLDER}/pgbouncer.log
pidfile = {FOLDER}/pgbouncer.pid
""")
    for name in ("pid", "log"):
        (FOLDER / f"pgbouncer.{name}").unlink(missing_ok=True)
    process = subprocess.Popen([installed(), "-q", str(ini)], stdin=subprocess.DEVNULL)
    try:
        if not wait_until(5, (FOLDER / f".s.PGSQL.{PORT}").exists):
            raise RuntimeError("pgbouncer does not start: " + (FOLDER / "pgbouncer.log").read_text()[-500:])
        yield f"host={FOLDER} port={PORT} dbname=mayfly user=mayfly"
    finally:
        process.terminate()
        process.wait()


def clients():
    """How many connections of workers it holds now."""
    ran = subprocess.run(["psql", "-h", FOLDER, "-p", str(PORT), "-U", "watcher", "-d", "pgbouncer", "-Atc", "SHOW CLIENTS"],
                         capture_output=True, text=True, check=True)
    return sum("|mayfly|mayfly|" in line for line in ran.stdout.splitlines())


def complaints():
    return [line for line in (FOLDER / "pgbouncer.log").read_text().splitlines() if "ERROR" in line or "WARNING" in line]
