#!/usr/bin/python3
"""mayflyctl fsck finds each kind of damage, repairs what costs no byte of a file, and finds nothing else."""

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST, SCRATCH, check, dev, done, psql, same, settings, wait_until
from files import forget_others
from mayfly import signed_in

CONFIG = SCRATCH / "etc/mayfly.conf"


def ctl(*words, config=CONFIG):
    return subprocess.run([INST / "bin/mayflyctl", "-c", config, *words], capture_output=True, text=True, timeout=120, check=False)


def old_id():
    """As of an hour ago: what is younger may still be on its way."""
    number = (int(time.time() * 1000) - 3600000) << 80 | 7 << 76 | secrets.randbits(76) & ~(3 << 62) | 2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def findings(*words):
    """(exit status, what was found as {(word, id): repaired}); ids are those of files or accounts."""
    ran = ctl("fsck", "--deep", "--json", *words)
    found = {}
    for line in ran.stdout.splitlines():
        one = json.loads(line)
        found[one["finding"], one["key"].removeprefix("uploads/")[:36]] = one["repaired"]
    return ran.returncode, found


def upload(client, size):
    return client.post("/upload?name=a.bin", body=secrets.token_bytes(size),
                       headers={"Content-Type": "application/octet-stream"}).json()["id"]


def damage(user, files):
    """One of each kind; what fsck is to call them, and whether it can repair them."""
    orphan, unfinished, thumbnail, lost, marred = (old_id() for _ in range(5))
    psql(f"""
        DELETE FROM mayfly.file_chunk WHERE file_id = '{files["lost"]}';
        UPDATE mayfly.file_chunk SET bytes = bytes || 'x' WHERE file_id = '{files["length"]}';
        UPDATE mayfly.file_chunk SET bytes = set_byte(bytes, 3, get_byte(bytes, 3) # 1) WHERE file_id = '{files["damaged"]}';
        DELETE FROM mayfly.file_chunk WHERE file_id = '{files["hole"]}' AND at = 262144;
        INSERT INTO mayfly.file_chunk VALUES ('{orphan}', 0, 'nobody''s');
        INSERT INTO mayfly.file_chunk VALUES ('{unfinished}', 0, decode(repeat('00', 262144), 'hex'));
        INSERT INTO mayfly.file_chunk VALUES ('{files["tail"]}', 0, 'a tail');
        INSERT INTO mayfly.file (id, account_id, state, via, box, back_end, object_name, block_bytes, name, size, sha256)
            VALUES ('{thumbnail}', '{user.id}', 'committed', 'thumbnail', 64, 'postgres', 'thumbnail', 262144, 't', 0, sha256(''));
        INSERT INTO mayfly.file_chunk VALUES ('{thumbnail}', 0, '');
        INSERT INTO mayfly.file (id, account_id, state, via, parent_id, box, back_end, object_name, block_bytes, name, size, sha256)
            VALUES ('{lost}', '{user.id}', 'committed', 'thumbnail', '{files["whole"]}', 64, 'postgres', 'thumbnail', 262144, 't', 1, sha256('y')),
            ('{marred}', '{user.id}', 'committed', 'thumbnail', '{files["whole"]}', 128, 'postgres', 'thumbnail', 262144, 't', 1, sha256('y'));
        INSERT INTO mayfly.file_chunk VALUES ('{marred}', 0, 'x');
        DELETE FROM mayfly.file WHERE id = '{files["orphan"]}';""")
    return {("lost", files["lost"]): False, ("length", files["length"]): False, ("damaged", files["damaged"]): False,
            ("damaged", files["hole"]): False, ("orphan", orphan): True, ("unfinished", unfinished): True,
            ("tail", files["tail"]): True, ("thumbnail", thumbnail): True, ("lost", lost): True, ("damaged", marred): True, ("orphan", files["orphan"]): True,
            ("usage", user.id): True}


def check_each():
    user, client = signed_in()
    files = {word: upload(client, 700000) for word in ("lost", "damaged", "hole", "tail", "orphan", "whole", "moved")}
    files["length"] = upload(client, 1000)
    for word in ("tail", "orphan", "moved"):
        moved = ctl("files", "move", files[word], "--to", "s3")
        same((moved.returncode, json.loads(ctl("files", "show", files[word], "--json").stdout)["back_end"]), (0, "s3"),
             "files move takes one file to S3, and files show says where it is", moved.stderr)
    time.sleep(1.1)
    psql("UPDATE mayfly.file_copy SET sweep_at = now()")
    ctl("sweep")
    psql("UPDATE mayfly.file_copy SET sweep_at = now()")
    ctl("sweep")
    same(findings(), (0, {}), "nothing is wrong: status 0")

    wanted = damage(user, files)
    time.sleep(1.1)
    same(findings(), (1, {what: False for what in wanted}), "each kind of damage is found, and nothing else: status 1")
    quick = ctl("fsck")
    check(quick.returncode == 1 and "damaged" not in quick.stdout and "lost postgres" in quick.stdout,
          "without --deep bytes are not read", quick.stdout)
    same(findings("--repair"), (1, wanted), "--repair says what it repaired")
    ctl("sweep")
    left = {what: False for what, repaired in wanted.items() if not repaired}
    same(findings("--repair"), (1, left), "after that only what nobody can repair is left")
    usage = psql(f"SELECT bytes, files FROM mayfly.account_usage WHERE account_id = '{user.id}'")
    same(usage, f"{6 * 700000 + 1000}|7", "what the account's files take is counted right again")
    same([client.get(f"/files/{files[word]}").status for word in ("whole", "moved", "tail")], [200] * 3, "whole files are whole")
    for _, file in left:
        client.delete(f"/files/{file}")
    same(findings(), (0, {}), "and nothing is wrong when their owner has removed them")
    same(psql(f"SELECT bytes, files FROM mayfly.account_usage WHERE account_id = '{user.id}'"), f"{3 * 700000}|3",
         "which gives the account its room back")
    listed = json.loads(ctl("files", "list", user.username, "--json").stdout)
    same({one["id"]: one["back_end"] for one in listed}, {files["whole"]: "postgres", files["moved"]: "s3", files["tail"]: "s3"},
         "files list has the rest, with their back ends")


def check_errors():
    elsewhere = SCRATCH / "tmp/nowhere.conf"
    elsewhere.write_text("".join(line for line in CONFIG.read_text().splitlines(True) if not line.startswith("database ")) +
                         "database = host=/nowhere dbname=mayfly\n")
    ran = ctl("fsck", config=elsewhere)
    same((ran.returncode, ran.stdout), (2, ""), "what can't be found out is status 2", ran.stderr)
    elsewhere.unlink()
    for words, part in ((("files", "move"), "--to"), (("files", "move", "--to", "tape"), "no such back end"),
                        (("files", "show", "x"), "not a file's id"), (("files", "move", "--to", "s3", "--account", "nobody-at-all"), "no such account")):
        ran = ctl(*words)
        check(ran.returncode != 0 and part in ran.stderr, f"mayflyctl {' '.join(words)} says what is wrong", ran.stderr)


def check_idle_workers():
    user, client = signed_in()
    file = upload(client, 600000)
    psql(f"INSERT INTO mayfly.file_link (id, file_id, secret_hash, expires_at) VALUES (gen_random_uuid(), '{upload(client, 1)}',"
         " sha256('x'), now() - interval '1 second')")
    client.delete(f"/files/{file}")
    check(wait_until(20, lambda: psql(f"SELECT count(*) FROM mayfly.file WHERE id = '{file}'") == "0"),
          "workers without work remove a file's bytes, then its tombstone")
    same(psql(f"SELECT count(*) FROM mayfly.file_chunk WHERE file_id = '{file}'"), "0", "nothing of it is left")
    check(wait_until(10, lambda: psql("SELECT count(*) FROM mayfly.file_link WHERE expires_at < now()") == "0"),
          "and links that have expired")
    same(psql(f"SELECT bytes, files FROM mayfly.account_usage WHERE account_id = '{user.id}'"), "1|1", "the account counts what is left")


def main():
    dev("service", "start", "radosgw")
    forget_others()
    with settings(sweep_again_s=1, sweep_every_s=0):
        check_each()
        check_errors()
    with settings(sweep_again_s=1, sweep_every_s=1):
        check_idle_workers()
    done()


main()
