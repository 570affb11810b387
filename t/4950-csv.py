#!/usr/bin/python3
"""POST /files/ID/csv: what is in a stored CSV, read in turns between other requests, and nothing is kept of it."""

import os
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PROBLEM, Client, check, done, note, psql, same, signed_in


def upload(client, body, name="numbers.csv"):
    answer = client.post(f"/upload?name={name}", body=body, headers={"Content-Type": "text/csv"})
    same(answer.status, 201, f"{name} of {len(body)} bytes is uploaded", answer)
    return answer.json()["id"]


def count(client, file, **more):
    return client.post(f"/files/{file}/csv", **more)


user, client = signed_in()

text = 'id;name;born;price\r\n1;"Ann; ""the"" one";2020-01-31;1,5\r\n2;Bob;2021-02-28;2,25\r\n3;Eve\r\n'
answer = count(client, upload(client, "\ufeff" + text))
same(answer.status, 200, "a CSV is counted", answer)
same(answer.json(), {
    "rows": 3, "columns": 4, "delimiter": ";", "header": ["id", "name", "born", "price"],
    "types": ["integer", "text", "date", "decimal"],
    "bad_lines": [{"line": 4, "column": 3, "reason": "has another number of columns than the first line"}],
    "bad_lines_total": 1,
}, "rows, columns, header, types and the bad line are told")

same(count(client, upload(client, "")).json(), {
    "rows": 0, "columns": 0, "delimiter": ",", "header": None, "types": [], "bad_lines": [], "bad_lines_total": 0,
}, "an empty file has nothing")

answer = count(client, upload(client, "1\t2\n" * 3))
same((answer.json()["delimiter"], answer.json()["header"], answer.json()["columns"]), ("\t", None, 2),
     "numbers in the first line are no header, and a tab is a delimiter")

answer = count(client, upload(client, b"a,b\n" + b"\xff,1\n" * 150))
same((len(answer.json()["bad_lines"]), answer.json()["bad_lines_total"], answer.json()["bad_lines"][0]),
     (100, 150, {"line": 2, "column": 1, "reason": "not UTF-8"}), "of 150 bad lines the first 100 are listed")

for what, content, told in (
        ("Excel's line sep= before the header", "sep=;\r\nid;name\r\n1;Ann, Bob\r\n", (1, 2, ";", ["id", "name"])),
        ("a bar that it names", "sep=|\na|b\n1|2\n", (1, 2, "|", ["a", "b"])),
        ("commas in a column's name", "Name;Price, net, EUR;Qty\nLamp;10;2\nTable;20;1\n", (2, 3, ";", ["Name", "Price, net, EUR", "Qty"])),
        ("an index without a name", ",a,b\n0,1,2\n1,3,4\n", (2, 3, ",", ["", "a", "b"])),
        ("two columns of one name", "id,name,name\n1,a,b\n", (1, 3, ",", ["id", "name", "name"])),
        ("UTF-16 of Excel", "name\tcity\r\nAnn\tKöln\r\n".encode("utf-16"), (1, 2, "\t", ["name", "city"]))):
    answer = count(client, upload(client, content)).json()
    same((answer["rows"], answer["columns"], answer["delimiter"], answer["header"], answer["bad_lines"]), (*told, []), what)

names = ['"' + f'{index:04}'.rjust(63, "\u0001") + '"' for index in range(1100)]
answer = count(client, upload(client, ",".join(names) + "\n" + ",".join(["1"] * 1100) + "\n"))
told = answer.json()
same((answer.status, told.get("rows"), told.get("columns"), len(told.get("types", [])), len(told.get("header") or [])), (200, 1, 1100, 1024, 1024),
     "of 1,100 columns with the longest of names all are counted and 1,024 described", answer.text[:200])

row = b'17,"a field, with a delimiter",2024-02-29,3.25\n'
mib = 8 if os.environ.get("OTHER_STORAGE") else 40  # a whole Swift is one process
rows = mib * 1024 * 1024 // len(row)
large = upload(client, b"id,text,day,price\n" + row * rows, "large.csv")
before = psql("SELECT count(*) FROM mayfly.file")
answers = []


def count_large():
    answers.append(count(Client(client.token), large))


threads = [threading.Thread(target=count_large) for _ in range(3)]
began = time.monotonic()
for thread in threads:
    thread.start()
slowest = 0
others = 0
while any(thread.is_alive() for thread in threads):
    asked = time.monotonic()
    if client.get(f"/files?limit=1&q={others}").status != 200:
        break
    slowest = max(slowest, time.monotonic() - asked)
    others += 1
for thread in threads:
    thread.join()
took = time.monotonic() - began
same([(one.status, one.json().get("rows"), one.json().get("bad_lines_total")) for one in answers], [(200, rows, 0)] * 3,
     f"{rows} rows are counted three times at once")
note(f"3 x {mib} MiB in {took:.2f} s; meanwhile {others} others, the slowest in {slowest * 1000:.0f} ms")
check(others > 5 and slowest < 1, "meanwhile others are answered within a second", f"{others}, {slowest:.3f} s")
same(psql("SELECT count(*) FROM mayfly.file"), before, "and nothing is kept")

stranger, other = signed_in()
for what, answer, status, error in (
    ("somebody else's file", count(other, large), 404, "not_found"),
    ("no file", count(client, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), 404, "not_found"),
    ("no id", count(client, "x"), 404, "not_found"),
    ("a guest", count(Client(), large), 401, "unauthorized"),
    ("another site's page", count(Client(cookie=f"mayfly={client.token}"), large, headers={"Origin": "https://evil.example"}), 403, "forbidden"),
    ("GET", client.get(f"/files/{large}/csv"), 405, "method_not_allowed"),
):
    same((answer.status, answer.error, answer.headers.get("content-type")), (status, error, PROBLEM), f"{what}: {status}",
         answer)

# Whoever goes away in the middle leaves the worker free.
hurried = Client(client.token, timeout=0.01)
for _ in range(20):
    try:
        count(hurried, large)
    except OSError:
        hurried.close()
same(count(client, upload(client, "a,b\n1,2\n")).json()["rows"], 1, "after 20 who did not wait, all is as before")
done()
