#!/usr/bin/python3
"""What may be stored can be shown, and what is accepted can be finished: the extremes, and limits that must agree (app/limits.c)."""

import html
import json
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, FORM, PAGE, PASSWORD, Client, check, done, psql, same, signed_in

BROWSER = {"Accept": PAGE}
TUS = {"Tus-Resumable": "1.0.0"}
JSON = {"Content-Type": "application/json"}
LONGEST_NAME = "%22" * 251 + ".txt"  # 255 bytes, each of them a quote, which JSON and pages escape


def files_of_a_form():
    _, client = signed_in()
    body = "".join(f'--B\r\nContent-Disposition: form-data; name="f"; filename="{LONGEST_NAME}"\r\n\r\nGIF89a{n}\r\n' for n in range(256))
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = client.post("/upload", body=body + "--B--\r\n", headers=headers)
    same((answer.status, len(answer.json().get("files", []))), (201, 256), "a form of 256 files with the longest names is stored", answer)
    answer = client.get("/files?limit=200")
    same((answer.status, len(answer.json()["files"])), (200, 200), "a whole page of them is listed", answer)
    same(client.get("/files", headers=BROWSER).status, 200, "and their page opens")
    file = next((one["id"] for one in answer.json()["files"]), None)
    if file is None:
        return
    psql(f"""INSERT INTO mayfly.file_link (id, file_id, secret_hash, expires_at)
             SELECT gen_random_uuid(), '{file}', sha256(n::text::bytea), now() + interval '1 day' FROM generate_series(1, 100) n""")
    same([client.get(f"/files/{file}/links", headers=headers).status for headers in ({}, BROWSER)], [200, 200],
         "100 links of one are listed, as JSON and as a page")


DOCUMENTS = (
    ("many levels", '{"a":' + "[" * 28 + ",".join(["0"] * 20000) + "]" * 28 + "}"),
    ("apostrophes", json.dumps({"a": "'" * 65000})),
    ("quotes", json.dumps({"a": '"' * 32000})),
    ("members", json.dumps({f"{n:x}": [] for n in range(4500)})),
    ("characters of four bytes", json.dumps({"a": "\U0001f41d" * 16000}, ensure_ascii=False)),
)


def account_page():
    user, client = signed_in()
    psql(f"""INSERT INTO mayfly.session (id, account_id, secret_hash, idle, expires_at, remember, user_agent)
             SELECT overlay(id::text placing lpad(to_hex(n), 12, '0') from 25)::uuid, account_id, sha256(n::text::bytea), idle, expires_at,
                 remember, repeat('"', 256)
             FROM mayfly.session, generate_series(1, 300) n WHERE account_id = '{user.id}'""")
    answer = client.get("/sessions")
    same((answer.status, len(answer.json()["sessions"])), (200, 200), "of 301 sessions those that were used last are listed", answer)
    for what, document in DOCUMENTS:
        kept = [client.put(path, body=document.encode(), headers=JSON).status for path in ("/session/data", "/profile/data")]
        page = client.get("/account", headers=BROWSER)
        same((kept, page.status), ([200, 200], 200), f"the account's page opens with two documents of {what}", page.status)
    check('href="/session/data"' in page.text and "There are more" in page.text, "says that there is more, and where")
    shown = '{"n": 1.50, "e": {}, "l": [], "deep": [{"a": [1, "x\\"y, {z}"]}, null], "ö": "ü"}'
    client.put("/session/data", body=shown.encode(), headers=JSON)
    page = client.get("/account", headers=BROWSER)
    stored = client.get("/session/data").text
    text = html.unescape(page.text.partition('aria-labelledby="session-data">')[2].partition("</pre>")[0])
    same((re.sub(r"\s", "", text), text), (re.sub(r"\s", "", stored), json.dumps(json.loads(stored), indent=2, ensure_ascii=False)
                                           .replace("1.5,", "1.50,")), "a document is shown in lines, digit for digit")


def joined_upload():
    _, client = signed_in()
    part = {**TUS, "Upload-Length": "1", "Upload-Concat": "partial", "Content-Type": "application/offset+octet-stream"}
    urls = [client.post("/uploads", body="x", headers=part).headers["Location"] for _ in range(64)]
    concat = "final;" + " ".join(f"https://{'h' * 65}{url}" for url in urls)
    metadata = "note " + "A" * 4088
    answer = client.post("/uploads", headers={**TUS, "Upload-Concat": concat, "Upload-Metadata": metadata})
    same((answer.status, len(concat) > 7600, len(metadata)), (201, True, 4093), "64 parts with long URLs and metadata are joined", answer)
    where, until = answer.headers.get("Location", "/"), time.monotonic() + 20
    while (answer := client.request("HEAD", where, headers=TUS)).status == 423 and time.monotonic() < until:
        time.sleep(0.1)
    same([answer.status] + [answer.headers.get(name) for name in ("upload-offset", "upload-concat", "upload-metadata")],
         [200, "64", concat, metadata], "and HEAD tells all of that", answer.status)


def refused_forms():
    for path, fields in (("/login", "username={}&password=x"), ("/register", "username={}&password=x"), ("/login", "username=a&password=&rd={}")):
        answer = Client().post(path, body=fields.format("'" * 100_000), headers={**BROWSER, "Content-Type": FORM})
        same(answer.status, 422, f"{path}: a form with a long input is refused with its page", answer.status, answer.text[:300])


def longest_head():
    """As nginx takes it: four lines, each of which has a buffer of its own."""
    _, client = signed_in()
    answer = client.get("/profile?x=" + "q" * 7000, headers={"User-Agent": "u" * 7000, "Cookie": "c=" + "c" * 7000, "If-None-Match": '"' + "t" * 7000 + '"'})
    same(answer.status, 200, "a request with four lines of 7,000 bytes is answered", answer)


def number(source, name):
    """Of an enum in C, or of a C expression of numbers and *."""
    found = re.search(rf"\b{name} = ([0-9* ]+)", (CHECKOUT / source).read_text())
    result = 1
    for factor in found[1].split("*"):
        result *= int(factor)
    return result


def setting(name):
    """The default of a number in settings.def."""
    return int(re.search(rf"NUMBER\({name}, (\d+)", (CHECKOUT / "src/base/settings.def").read_text())[1])


def size(text):
    return int(text[:-1]) * {"k": 1024, "m": 1024 ** 2}[text[-1]]


def directives(file, name):
    return [size(value) for value in re.findall(rf"^\s*{name}\s+(?:\d+ )?(\d+[km])\b", (CHECKOUT / "nginx" / file).read_text(), re.M)]


def agreements():
    """The table: (what, the smaller or equal, the larger)."""
    schema = "".join(path.read_text() for path in (CHECKOUT / "sql" / "schema").glob("*.sql"))
    pages = {name: (CHECKOUT / "src" / "page" / f"{name}.html").read_text().partition("}}\n")[2] for name in ("files", "account")}
    headers, small = number("src/http/response.h", "RESPONSE_HEADERS_MAX"), directives("mayfly-small.conf", "client_max_body_size")[0]
    lines = [one for file in ("site.conf", "edge.conf", "behind-edge.conf") for one in directives(file, "large_client_header_buffers")]
    agent = int(re.search(r"\[TEXT_USER_AGENT\] = \{0, (\d+)\}", (CHECKOUT / "src/base/text_limit.c").read_text())[1])
    table = [
        ("nginx's buffer takes the head of any answer", headers + 1024, directives("mayfly-fastcgi.conf", "fastcgi_buffer_size")[0]),
        ("so does an edge server's", headers + 1024, directives("edge.conf", "proxy_buffer_size")[0]),
        ("a worker takes the longest head that nginx takes, with the names of what is in it", 4 * max(lines) + 8 * 1024,
         number("src/fcgi/head.h", "FCGI_HEAD_MAX_BYTES")),
        ("a row takes every Upload-Concat", number("src/http/tus.h", "TUS_CONCAT_BYTES"), int(re.search(r"octet_length\(concat\) <= (\d+)", schema)[1])),
        ("and every Upload-Metadata", number("src/http/tus.h", "TUS_METADATA_BYTES"), int(re.search(r"octet_length\(metadata\) <= (\d+)", schema)[1])),
        ("a header that nginx takes is no longer than Upload-Concat may be", max(lines), number("src/http/tus.h", "TUS_CONCAT_BYTES")),
        ("nginx takes a document and what a form adds", number("src/store/document.h", "DOCUMENT_MAX_BYTES"), small),
        ("a worker takes every body that nginx takes", small, number("src/app/exchange.h", "BODY_MAX_BYTES")),
        ("nginx takes the longest file in a form", setting("file_max_bytes"),
         min(one for one in directives("mayfly-locations.conf", "client_max_body_size") if one > 1024 ** 2)),
        ("limits.c knows how long a user agent may be", agent, number("src/app/limits.c", "USER_AGENT_MAX")),
        ("and how often files.html says a name", pages["files"].count("{{name}}"), number("src/app/limits.c", "NAMES_OF_FILE")),
        ("and account.html a user agent", pages["account"].count("{{user_agent}}"), number("src/app/limits.c", "AGENTS_OF_SESSION")),
    ]
    for what, least, most in table:
        check(least <= most, f"{what}: {least} <= {most}")


files_of_a_form()
account_page()
joined_upload()
refused_forms()
longest_head()
agreements()
done()
