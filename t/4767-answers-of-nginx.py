#!/usr/bin/python3
"""What nginx answers by itself, on a host and on an edge server in front of it, says what is wrong as a worker does, under the request's
id; and the log has what was asked for, but no link."""

import json
import os
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import pools_away
from mayfly import CHECKOUT, PAGE, PROBLEM, SCRATCH, Client, Headers, check, done, same, signed_in
from nginx import nginx_around

ID = re.compile(r"[0-9a-f]{32}")
LINK = "a-link-that-nobody-may-read"
asked = {}  # request id -> what the log should say


def parse(text):
    """(status, headers, body) of the last answer in what came."""
    head, _, body = text[text.rindex("HTTP/1.1 "):].partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return int(first.split()[1]), Headers(line.split(": ", 1) for line in lines), body


def judge(what, wanted, status, headers, body, method=None, path=None):
    """Whether it is a problem of this status, in words, and can be found in the log."""
    said = json.loads(body) if headers.get("content-type") == PROBLEM else {}
    same((status, said.get("status"), said.get("type")), (wanted, wanted, "about:blank"), f"{what} is a problem", status, headers, body)
    check({"title", "detail", "error"} <= set(said) and all(said.values()), "in words", said)
    check(ID.fullmatch(headers.get("x-request-id", "")) and headers.get("x-content-type-options") == "nosniff" and
          headers.get("cache-control") == "no-store", "under the request's id", headers)
    same(status not in (429, 503) or "retry-after" in headers, True, "and says when to come again")
    if method:
        asked[headers.get("x-request-id")] = (method, path, str(wanted))


def refused(nginx, name, port):
    head = "Host: example.org\r\nConnection: close\r\n"
    long = "x" * 9000
    for what, wanted, text, *logged in (
        ("a request that is none", 400, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
        ("an address that is too long", 414, f"GET /{long} HTTP/1.1\r\n{head}\r\n"),
        ("a header that is too long", 431, f"GET /profile HTTP/1.1\r\n{head}X: {long}\r\n\r\n"),
        ("another transfer encoding", 501, f"POST /login HTTP/1.1\r\n{head}Transfer-Encoding: gzip\r\n\r\n"),
        ("TRACE", 405, f"TRACE /profile HTTP/1.1\r\n{head}\r\n", "TRACE", "/profile"),
        ("a body that is too long", 413, f"POST /login?a=b HTTP/1.1\r\n{head}Content-Length: 9999999\r\n\r\n", "POST", "/login"),
        ("a long body of a stranger", 401, f"POST /upload HTTP/1.1\r\n{head}Content-Length: 500000\r\n\r\n", "POST", "/upload"),
        ("a link with too much", 413, f"POST /shared/{LINK} HTTP/1.1\r\n{head}Content-Length: 9999999\r\n\r\n", "POST", "/shared/-"),
        ("a link in disguise", 413, f"POST /%73hared/{LINK} HTTP/1.1\r\n{head}Content-Length: 9999999\r\n\r\n"),
        ("another one", 413, f"POST /.//shared/{LINK} HTTP/1.1\r\n{head}Content-Length: 9999999\r\n\r\n", "POST", "/shared/-"),
    ):
        answer = parse(nginx.raw(port, text))
        judge(f"{name}: {what}", wanted, *answer, *logged)
        if wanted in (401, 405):
            check(answer[1].get("www-authenticate" if wanted == 401 else "allow"), "and says what would do", answer)


_, member = signed_in()
folder = SCRATCH / "tmp" / f"answers-{os.getpid()}"
with nginx_around(folder) as nginx:
    refused(nginx, "a host", nginx.host)
    refused(nginx, "an edge", nginx.edge)

    # --- a file of nginx's own

    host = nginx.client(nginx.host)
    for what, wanted, method, headers in (("a file that is not there", 404, "GET", {}), ("a tag that it has not", 412, "GET", {"If-Match": '"x"'}), ("a PUT", 405, "PUT", {})):
        path = "/static/nothing.css" if wanted == 404 else "/static/mayfly.css"
        answer = host.request(method, path, headers=headers)
        judge(f"of static files, {what}", wanted, answer.status, answer.headers, answer.text, method, path)
        page = host.request(method, path, headers={**headers, "Accept": PAGE})
        same((page.status, page.headers.get("content-type")), (wanted, "text/html; charset=utf-8"), "and a page for browsers", page)
    same(host.get("/static/mayfly.css", headers={"Range": "bytes=9999999-"}).status, 200, "ranges of them are not taken")
    check(ID.fullmatch(host.get("/static/mayfly.css").headers.get("x-request-id", "")), "one that is there has the request's id, too")

    # --- one id for both servers

    for path, token, wanted in (("/profile", member.token, 200), ("/profile", None, 401), ("/static/mayfly.css", None, 200), ("/static/nothing", None, 404)):
        answer = Client(token, url=f"http://127.0.0.1:{nginx.edge}").get(path)
        same((answer.status, bool(ID.fullmatch(answer.headers.get("x-request-id", "")))), (wanted, True),
             f"through an edge {path} has one id", answer.headers)
        asked[answer.headers.get("x-request-id")] = ("GET", path, str(wanted))

    # --- nobody there

    with pools_away("a", "b", "password-a", "password-b", "files-a", "files-b"):
        for name, port in (("a host", nginx.host), ("an edge", nginx.edge)):
            client = nginx.client(port)
            for method, path, body in (("GET", "/profile", None), ("POST", "/login", b"{}"), ("POST", "/upload", b"x"),
                                       ("POST", "/upload", bytes(200_000)), ("OPTIONS", "/uploads", None), ("GET", f"/shared/{LINK}", None)):
                answer = client.request(method, path, body=body)
                judge(f"{name} without workers: {method} {path}", 503, answer.status, answer.headers, answer.text, method,
                      path.replace(LINK, "-"))
            for path, wanted in (("/uploads/01890000-0000-7000-8000-000000000000", 423), ("/profile", 503)):
                answer = client.request("HEAD", path)
                same((answer.status, answer.headers.get("retry-after"), bool(ID.fullmatch(answer.headers.get("x-request-id", ""))),
                      answer.headers.get("tus-resumable")), (wanted, "1", True, "1.0.0" if wanted == 423 else None),
                     f"{name} without workers: HEAD {path}", answer)

    # --- the edge's port without TLS

    status, headers, _ = parse(nginx.raw(nginx.plain, f"GET /shared/{LINK} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"))
    same((status, headers.get("location"), bool(ID.fullmatch(headers.get("x-request-id", "")))),
         (301, f"https://example.org/shared/{LINK}", True), "without TLS an edge leads to it", headers)
    asked[headers.get("x-request-id")] = ("GET", "/shared/-", "301")

    logs = [folder / "host.log", folder / "mayfly.log"]
    until = time.monotonic() + 20
    while time.monotonic() < until and not all(any(one in log.read_text() for log in logs) for one in asked):
        time.sleep(0.05)
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    found = {line["request_id"]: (line["method"], line["path"], line["status"]) for line in lines}
    same({one: found.get(one) for one in asked if found.get(one) != asked[one]}, {}, "the log has what was asked for")
    same([f"{path.name}: {line[:300]}" for path in sorted(folder.glob("*.log")) for line in path.read_text().splitlines() if LINK in line][:5], [],
         "no log has a link")

words = (CHECKOUT / "nginx/mayfly.conf").read_text()
detail = dict(re.findall(r'^    (\d+) +"(.*)";', words.partition("map $status $mayfly_error_detail {")[2].partition("\n}")[0], re.M))
title = dict(re.findall(r'^    (\d+) +"(.*)";', words.partition("map $status $mayfly_error_title {")[2].partition("\n}")[0], re.M))
error = dict(re.findall(r"^    (\d+) +(\w+);", words.partition("map $status $mayfly_error {")[2].partition("\n}")[0], re.M))
edge = (CHECKOUT / "nginx/edge.conf").read_text().partition("map $status $mayfly_edge_words {")[2].partition("\n}")[0]
edge = {status: json.loads("{" + text.replace("\\'", "'") + "}") for status, text in re.findall(r"^    (\d+) +'(.*)';", edge, re.M)}
same({status: one for status, one in edge.items() if one != {"title": title.get(status), "detail": detail.get(status), "error": error.get(status)}
      and status != "503"}, {}, "an edge has the words of the hosts")
caught = set(re.findall(r"\b[45]\d\d\b", " ".join(re.findall(r"^error_page ([^/]*)", (CHECKOUT / "nginx/mayfly-errors.conf").read_text(), re.M))))
# 401 is caught where it may come; 494 and others become another; 500 is what is said of any other.
wanted = (caught | {"401", "431"}) - {"494", "497", "502", "504", "500"}
same((set(title), set(detail), set(error)), (wanted,) * 3, "there are words for each error that nginx makes, and for no other")
done()
