#!/usr/bin/python3
"""
Statements as the database sees them: what is repeated after a lost connection does nothing twice, what is written all the time is a
heap-only update, functions that run with their owner's rights look for nothing in the caller's tables, and what identifies is
ordered by its bytes.
"""

import sys
import uuid
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import check, dev, done, new_user, psql, same
from statements import statement


def run(*calls):
    """Calls of (statement, values), as a worker, in one session; the answers, one a call, without what SET and PREPARE say."""
    names = {name for name, _ in calls}
    sql = "".join(f"PREPARE {name} AS {statement(name)};" for name in sorted(names))
    sql += "".join(f"SELECT 'call'; EXECUTE {name}({', '.join(values)});" for name, values in calls)
    return [part.strip() for part in psql(f"SET ROLE mayfly; SET search_path = mayfly; {sql}").split("call")[1:]]


def text(value):
    return f"'{value}'"


account, file, holder = new_user().id, str(uuid.uuid4()), str(uuid.uuid4())


def usage():
    return psql(f"SELECT bytes, files FROM mayfly.account_usage WHERE account_id = '{account}'")


# --- twice

create = ("file_create", [text(file), text(account), "'tus'", "'postgres'", "'upload'", "262144", "'name'", "''", "''", "NULL", "1000", "3600",
                          "1000000", "10", "''", "NULL", "60000"])
first, again = run(create, create)
check(first.startswith(file), "file_create makes a row", first)
same(again, first, "and answers the same when it is repeated")
same(usage(), "1000|1", "counted once")
run(("file_lease", [text(file), text(account), text(holder), "60000"]))
for before, now in ((1000, 5000), (5000, 2000)):
    reserve = ("file_reserve", [text(file), text(holder), str(before), str(now), "1000000"])
    same(run(reserve, reserve), [str(now)] * 2, f"file_reserve from {before} to {now}, and repeated")
    same(usage(), f"{now}|1", "counted once")
same(run(("file_reserve", [text(file), text(holder), "2000", "1000001", "1000000"])), [""], "too much is refused")
same(run(("file_reserve", [text(file), text(holder), "7", "8", "1000000"])), [""], "and so is what was reserved otherwise")
size = ("file_set_size", [text(file), text(account), "90000"])
same(run(size, size), ["90000"] * 2, "file_set_size, and repeated")
same(run(("file_set_size", [text(file), text(account), "90001"])), [""], "another size is refused")

# --- heap-only


def heap_only(table, prepared, *statements):
    """Updates of a table in one transaction, and how many of them were heap-only. Each is a statement with a time of its own."""
    words = [word for one in ("SET search_path = mayfly", "BEGIN", *prepared, *statements) for word in ("-c", one)]
    counted = f"SELECT 'updates', pg_stat_get_xact_tuples_updated('{table}'::regclass), pg_stat_get_xact_tuples_hot_updated('{table}'::regclass)"
    return dev("psql", "-Atq", *words, "-c", counted, "-c", "ROLLBACK").strip().split("updates|")[-1].split("|")


other = str(uuid.uuid4())
upload = (f"INSERT INTO file (id, account_id, via, back_end, object_name, block_bytes, name, lease, sweep_at) VALUES ('{other}', '{account}', 'tus', "
          f"'postgres', 'upload', 262144, 'n', '{holder}', now() + interval '3599 s')", f"PREPARE advance AS {statement('file_advance')}")
same(heap_only("file", upload, *(f"EXECUTE advance('{other}', '{holder}', {at}, {at + 1}, 'x', 60000, 3600, false, 0)" for at in range(3))), ["3", "3"],
     "an upload's progress")
prepared = upload[0], f"PREPARE block AS {statement('file_block_put')}"


def put(at, who=holder):
    return f"EXECUTE block('{other}', '{who}', {at}, {at + 1}, 'x', 60000, 3600, {at}, 'block', false)"


same(heap_only("file", prepared, *(put(at) for at in range(3))), ["3", "3"], "so is that with a block, which is written with it")
same(heap_only("file", prepared, put(0), put(0)), ["2", "2"], "and may be repeated")
for refused in (put(5), put(0, account)):
    same((heap_only("file", prepared, refused), heap_only("file_chunk", prepared, refused)), (["0", "0"], ["0", "0"]), "at another offset, or without the lease, nothing is written")
updates, heap = heap_only("attempt", (), *(["SELECT attempt_count(ARRAY[sha256('heap')], ARRAY[100], 900, NULL)"] * 10))
check(int(updates) >= 10 and updates == heap, "counting an attempt", updates, heap)

# --- names

same(psql("SELECT string_agg(proname, ' ') FROM pg_proc WHERE pronamespace = 'mayfly'::regnamespace AND prosecdef AND "
          "NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c ~ '^search_path=.*, pg_temp$')"), "",
     "each function with its owner's rights looks for the caller's own tables last")
same(psql("SELECT string_agg(i.indexrelid::regclass::text, ' ' ORDER BY i.indexrelid::regclass::text) FROM pg_index i, unnest(i.indcollation) c "
          "WHERE i.indisunique AND c = 'default'::regcollation AND i.indexrelid::regclass::text ~ '^mayfly\\.'"),
     "mayfly.account_email mayfly.account_username", "unique texts are ordered by bytes, but for the indexes of the release before")
plan = psql("SET search_path = mayfly; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
            f"PREPARE p AS {statement('account_by_login')}; EXPLAIN EXECUTE p('x', 'x')")
check("account_username_bytes" in plan and "account_email_bytes" in plan, "and those are what names are looked up by", plan)
psql(f"DELETE FROM mayfly.file WHERE id = '{file}'; DELETE FROM mayfly.account_usage WHERE account_id = '{account}'")
done()
