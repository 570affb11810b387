#!/usr/bin/python3
"""What is promised of uploads, downloads, links, CSV and thumbnails holds on S3 as it does on PostgreSQL: the same tests.

4470 and 4960 are not among them: they want an upload to be taken over at once from a worker that was cut off or killed, and
on S3 that worker may still be sending a part, so its lease is waited for. t/5960 has that.
"""

import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
from mayfly import check, done, psql, same, settings

TESTS = ("4450-uploads.py", "4460-downloads.py", "4950-csv.py", "4970-links.py", "4980-thumbnails.py")
SECONDS = 240


def count(back_end):
    # 4980 makes a row of a thumbnail by hand.
    return int(psql(f"SELECT count(*) FROM mayfly.file WHERE back_end = '{back_end}' AND via <> 'thumbnail'"))


s3.start()
with settings(objects="s3"):
    for name in TESTS:
        before = count("postgres"), count("s3")
        ran = subprocess.run([sys.executable, Path(__file__).parent / name], capture_output=True, text=True, timeout=SECONDS)
        failed = [line for line in ran.stdout.splitlines() if line.startswith("not ok")]
        check(ran.returncode == 0 and not failed, f"{name} on S3", *failed, ran.stderr)
        check(count("s3") > before[1], f"{name}: its files were in S3")
        same(count("postgres"), before[0], f"{name}: and none in PostgreSQL")
done()
