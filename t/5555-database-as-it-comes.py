#!/usr/bin/python3
"""The database as it comes: apply.sql refuses what can't work and says what to do, and else names compare alike and bytes are read."""

import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, Client, check, dev, done, psql, same, signed_in

NAME = f"as_it_comes_{os.getpid()}"
ALIKE = "SELECT name_key('INFO') = name_key('info'), name_key(E'\\u00C9va') = name_key(E'\\u00E9va'), name_key('I') <> name_key(E'\\u0131')"


def ask(sql, user="postgres"):
    ran = subprocess.run(["psql", "-XAtq", "-h", SCRATCH / "run/pg", "-U", user, "-d", NAME, "-c", sql], capture_output=True, text=True, check=False)
    return ran.stdout.strip() + ran.stderr.strip()


def apply():
    return subprocess.run(["psql", "-Xq", "-h", SCRATCH / "run/pg", "-U", "postgres", "-d", NAME, "-f", CHECKOUT / "sql/schema/apply.sql"],
                          capture_output=True, text=True, check=False)


def database(options):
    psql(f"DROP DATABASE IF EXISTS {NAME}")
    psql(f"CREATE DATABASE {NAME} TEMPLATE template0 {options}")


try:
    for encoding in ("SQL_ASCII", "LATIN1"):
        database(f"ENCODING '{encoding}' LOCALE 'C'")
        ran = apply()
        check(ran.returncode != 0 and "needs UTF8" in ran.stderr and f"createdb -T template0 -E UTF8 --locale=C.UTF-8 {NAME}" in ran.stderr,
              f"{encoding} is refused with the cure", ran.stderr)
    for what, options in (("UTF8 with locale C", "ENCODING 'UTF8' LOCALE 'C'"),
                          ("Turkish of ICU", "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'"),
                          ("C.UTF-8", "ENCODING 'UTF8' LOCALE 'C.UTF-8'")):
        database(options)
        ran = apply()
        same((ran.returncode, ran.stderr), (0, ""), f"{what} is taken")
        same(ask(f"SET search_path = mayfly; {ALIKE}"), "t|t|t", "and names compare alike")
        same(ask("SET search_path = mayfly; INSERT INTO account (id, username, password_hash) VALUES (gen_random_uuid(), 'INFO', ''), "
                 "(gen_random_uuid(), 'info', '')").partition("\n")[0],
             'ERROR:  duplicate key value violates unique constraint "account_username"', "also where they must be unique")
    same(apply().stderr, "", "applying it again changes nothing")
    psql(f"ALTER DATABASE {NAME} SET bytea_output = escape")
    same(ask("SELECT '\\x00ff'::bytea", "mayfly"), "\\x00ff", "bytes come to workers as they read them, whatever the database says")

    psql("ALTER ROLE mayfly IN DATABASE mayfly SET bytea_output = escape; ALTER ROLE mayfly IN DATABASE mayfly SET timezone = 'Asia/Tokyo'")
    try:
        for pool in ("a", "b"):
            dev("restart", pool)
        same(Client().get("/health/ready").status, 200, "workers set what they need by themselves")
        _, client = signed_in()
        same(client.patch("/profile/data", json={"a": 1}).status, 200, "and work")
    finally:
        psql("ALTER ROLE mayfly IN DATABASE mayfly RESET bytea_output; ALTER ROLE mayfly IN DATABASE mayfly RESET timezone")
    psql("ALTER ROLE mayfly IN DATABASE mayfly SET bytea_output = escape")
    try:
        dev("config", "database_prepare", "no")  # as behind PgBouncer, where a connection is everybody's
        ready = Client().get("/health/ready")
        same((ready.status, ready.json()["database"]["state"]), (503, "wrong settings"), "where they can't, readiness says so")
    finally:
        psql("ALTER ROLE mayfly IN DATABASE mayfly RESET bytea_output")
        dev("config", "database_prepare", "yes")
    same(Client().get("/health/ready").status, 200, "and is content afterwards")
finally:
    psql(f"DROP DATABASE IF EXISTS {NAME}")
done()
