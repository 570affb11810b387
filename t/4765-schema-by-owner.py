#!/usr/bin/python3
"""apply.sql is for the database's owner as well as for a superuser, if he may make roles; what he can't set he is told, with the cure."""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, check, done, psql, same

NAME = f"owned_{os.getpid()}"
CURE = ["ALTER ROLE mayfly SET log_error_verbosity = terse", "ALTER ROLE mayfly SET log_parameter_max_length = 0"]


def ask(user, *words):
    return subprocess.run(["psql", "-XAtq", "-h", SCRATCH / "run/pg", "-U", user, "-d", NAME, *words], capture_output=True, text=True, check=False)


psql(f"CREATE ROLE {NAME} LOGIN CREATEROLE")
psql(f"CREATE DATABASE {NAME} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8' OWNER {NAME}")
try:
    # The stack's superuser has made the roles. Since PostgreSQL 16 it also says who else may grant and change them.
    if int(psql("SHOW server_version_num")) >= 160000:
        ran = ask(NAME, "-f", CHECKOUT / "sql/schema/apply.sql")
        cure = re.search(rf"HINT:  Let a superuser run: (GRANT .* TO {NAME} WITH ADMIN OPTION)\n", ran.stderr)
        check(ran.returncode != 0 and cure, "another's roles are refused, with the cure", ran.stderr)
        psql(cure[1])
    for run in ("the first time", "again"):
        ran = ask(NAME, "-f", CHECKOUT / "sql/schema/apply.sql")
        said = [line for line in ran.stderr.splitlines() if "WARNING" in line]
        same((ran.returncode, len(ran.stderr.splitlines()), [all(one in line for one in CURE) for line in said]), (0, 1, [True]),
             f"the owner applies the schema {run}, and is warned of the server's log", ran.stderr)
    same(ask("postgres", "-c", "SELECT max(number) FROM mayfly.schema_change").stdout,
         psql("SELECT max(number) FROM mayfly.schema_change") + "\n", "all of it")
    same(ask("mayfly", "-c", "SELECT count(*) FROM account; SELECT name_key('A')").stdout.split(), ["0", "a"], "workers can use it")
finally:
    psql(f"DROP DATABASE IF EXISTS {NAME}")
    psql(f"DROP OWNED BY {NAME}")
    psql(f"DROP ROLE {NAME}")
done()
