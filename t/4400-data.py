#!/usr/bin/python3
"""The two documents: a PUT is stored, versions only grow, preconditions are evaluated, merge patch is RFC 7396."""

import html
import json
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PAGE, PROBLEM, Client, check, done, login, same, signed_in

MERGE = "application/merge-patch+json"
KIB64 = 65536

# RFC 7396, appendix A, all that begin with an object and have an object as patch: (original, patch, result)
APPENDIX_A = (
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
)
NOT_OBJECTS = ('["c"]', "null", '"bar"', "3", "true", "[]")


def version(answer):
    return int(answer.etag.strip('"'))


def versions_grow(path, client):
    answer = client.get(path)
    same((answer.status, answer.json(), answer.etag), (200, {}, '"0"'), f"{path}: nothing yet is {{}} at version 0", answer)
    seen = [0]
    for method, body in (("PUT", {"a": 1}), ("PATCH", {"b": 2}), ("DELETE", None), ("PUT", {"a": 1}), ("PUT", {"a": 1}),
                         ("DELETE", None), ("PATCH", {"c": {"d": None}}), ("DELETE", None), ("DELETE", None)):
        answer = client.request(method, path, json=body)
        same(answer.status, 204 if method == "DELETE" else 200, f"{path}: {method} {body}", answer)
        now = client.get(path)
        check(answer.etag == now.etag and version(now) > seen[-1], f"{path}: has a new version, which it answers",
              answer.etag, now.etag, seen)
        if method != "DELETE":
            same(answer.json(), now.json(), f"{path}: and answers what is there")
        seen.append(version(now))
    same(client.get(path).json(), {}, f"{path}: removed is empty")


def conditions(path, client):
    client.put(path, json={"n": 1})
    tag = client.get(path).etag
    number = int(tag.strip('"'))

    def get(value):
        return client.get(path, headers={"If-None-Match": value}).status

    same([get(tag), get(f"W/{tag}"), get("*"), get(f'"x", {tag}'), get('"x"'), get('"0"')],
         [304, 304, 304, 304, 200, 200], f"{path}: If-None-Match on GET")
    answer = client.get(path, headers={"If-None-Match": tag})
    same((answer.body, answer.etag, answer.headers.get("cache-control")), (b"", tag, "no-store"),
         f"{path}: 304 has no body, but its tag")
    same(client.request("HEAD", path).etag, tag, f"{path}: HEAD has the tag too")

    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else {"changed": method}
        for what, headers in (("an old tag", {"If-Match": '"999999"'}), ("a weak tag", {"If-Match": f"W/{tag}"}),
                              ("a tag that begins alike", {"If-Match": f'"{number}0"'}),
                              ("If-None-Match: *", {"If-None-Match": "*"}), ("If-None-Match of now", {"If-None-Match": tag})):
            answer = client.request(method, path, json=body, headers=headers)
            same((answer.status, answer.error), (412, "precondition_failed"), f"{path}: {method} with {what} is 412", answer)
        for bad in (str(number), '"', f"{tag}{tag}", "W/"):
            answer = client.request(method, path, json=body, headers={"If-Match": bad})
            same((answer.status, answer.error), (400, "bad_request"), f"{path}: {method} with If-Match: {bad} is 400", answer)
    same((client.get(path).json(), client.get(path).etag), ({"n": 1}, tag), f"{path}: and none of them changed anything")

    answer = client.put(path, json={"n": 2}, headers={"If-Match": f'"7777", {tag}'})
    same(answer.status, 200, f"{path}: PUT with the tag of now in a list is good", answer)
    same(client.put(path, json={"n": 3}, headers={"If-Match": tag}).status, 412, f"{path}: the same tag again is 412")
    same(client.patch(path, json={"n": 3}, headers={"If-Match": answer.etag}).status, 200, f"{path}: the new one is good")
    same(client.put(path, json={"n": 4}, headers={"If-Match": "*"}).status, 200, f"{path}: * is whatever is there")
    same(client.get(path).json(), {"n": 4}, f"{path}: which is now what was put last")


def only_if_new(path, client):
    same(client.put(path, json={"n": 0}, headers={"If-None-Match": "*"}).status, 412,
         f"{path}: If-None-Match: * wants none, and GET shows one, {{}} at version 0")
    same(client.put(path, json={"n": 1}, headers={"If-Match": '"0"'}).status, 200, f"{path}: its tag makes the first")
    same(client.put(path, json={"n": 2}, headers={"If-Match": '"0"'}).status, 412, f"{path}: and no second")
    same(client.get(path).json(), {"n": 1}, f"{path}: so the first stays")


def merge_patch(path, client):
    for original, patch, result in APPENDIX_A:
        client.put(path, json=original)
        answer = client.patch(path, body=json.dumps(patch), headers={"Content-Type": MERGE})
        same((answer.status, answer.json()), (200, result), f"{path}: {json.dumps(original)} + {json.dumps(patch)}")
    client.put(path, json={"kept": {"deep": [1, 2]}})
    before = client.get(path).etag
    for method in ("PUT", "PATCH"):
        for body in NOT_OBJECTS:
            answer = client.request(method, path, body=body, headers={"Content-Type": "application/json"})
            same((answer.status, answer.error), (422, "unprocessable"), f"{path}: {method} {body} is 422", answer)
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "application/xml"):
            answer = client.request(method, path, body="{}", headers={"Content-Type": kind})
            same((answer.status, answer.error), (415, "unsupported_type"), f"{path}: {method} of {kind or 'no type'} is 415",
                 answer)
    answer = client.put(path, body="{}", headers={"Content-Type": MERGE})
    same(answer.status, 415, f"{path}: a merge patch is nothing to PUT")
    same(client.get(path).etag, before, f"{path}: and nothing changed")
    same(client.put(path, body='{"a":1}', headers={"Content-Type": "Application/JSON; charset=utf-8"}).status, 200,
         f"{path}: a type may have parameters and capitals")


def sizes(path, client):
    fill = KIB64 - len('{"a": ""}')
    largest = '{"a": "' + "x" * fill + '"}'
    kind = {"Content-Type": "application/json"}
    same(len(largest), KIB64, f"{path}: 64 KiB are 65536 bytes")
    answer = client.put(path, body=largest, headers=kind)
    same(answer.status, 200, f"{path}: they fit", answer.status, answer.text[:200])
    same(client.get(path).json(), json.loads(largest), f"{path}: and come back whole")
    before = client.get(path).etag
    for what, body in (("one byte more", largest + " "), ("100 KiB", '{"a":"' + "x" * 102400 + '"}'),
                       ("10 MiB", '{"a":"' + "x" * 10485760 + '"}')):
        try:
            answer = client.put(path, body=body, headers=kind)
        except (BrokenPipeError, ConnectionResetError):
            client.close()
            check(False, f"{path}: {what} is 413", "the connection was cut")
            continue
        same((answer.status, answer.headers.get("content-type"), answer.error), (413, PROBLEM, "too_large"),
             f"{path}: {what} is 413", answer)
        client.close()
    answer = client.patch(path, json={"b": "y" * 1000})
    same((answer.status, answer.error), (413, "too_large"), f"{path}: a patch can't make it larger", answer)
    wide = '{"a":[' + ",".join(["1"] * 32000) + "]}"
    answer = client.put(path, body=wide, headers=kind)
    check(answer.status in (200, 413), f"{path}: a document that its writing makes larger is stored whole or 413", answer)
    if answer.status == 413:
        same(client.get(path).etag, before, f"{path}: and nothing changed")


def speed(path, client):
    """A document of thousands of members is no way to keep a worker busy."""
    for what, first, second in (
        ("5000 members", {}, {f"{index:x}": 1 for index in range(5000)}),
        ("4000 removed", {f"{index:x}": 1 for index in range(4000)}, {f"{index:x}": None for index in range(4000)}),
        ("5000 within one", {"a": {}}, {"a": {f"{index:x}": {} for index in range(5000)}}),
    ):
        client.put(path, json=first)
        began = time.monotonic()
        answer = client.patch(path, json=second)
        took = time.monotonic() - began
        expected = {} if what == "4000 removed" else second
        same((answer.status, answer.status == 200 and answer.json()), (200, expected), f"{path}: a patch of {what} is merged",
             answer.text[:300])
        check(took < 1, f"{path}: in less than a second", f"{took:.2f} s")


def values(path, client):
    for what, text in (
        ("numbers beyond a double", '{"n": 12345678901234567890123, "d": 0.1}'),
        ("every kind", '{"s":"","t":true,"f":false,"n":null,"o":{},"a":[[],{}],"i":-0,"e":1e3}'),
        ("the scripts of the world", json.dumps({"名": "ö \U0001f41d \u202e", "": 1}, ensure_ascii=False)),
        ("escapes", '{"a":"\\u00e9\\n\\\\\\"\\/"}'),
        ("HTML", '{"a":"</script><script>alert(1)</script>"}'),
        ("deep nesting", '{"a":' + "[" * 20 + "]" * 20 + "}"),
    ):
        answer = client.put(path, body=text.encode(), headers={"Content-Type": "application/json"})
        if what == "numbers beyond a double":
            check(answer.status in (200, 400), f"{path}: {what}: kept or refused, never rounded", answer)
            if answer.status == 200:
                check("12345678901234567890123" in client.get(path).text, f"{path}: {what} are kept digit for digit")
            continue
        same((answer.status, answer.json() if answer.status == 200 else None), (200, json.loads(text)),
             f"{path}: {what} come back as they were", answer)
    for text in ('{"n":1e21}', '{"n":1e23}', '{"n":-1.7976931348623157e308}'):
        kept = client.put(path, body=text, headers={"Content-Type": "application/json"})
        again = client.put(path, body=client.get(path).text, headers={"Content-Type": "application/json"})
        same((kept.status, again.status, again.text), (200, 200, kept.text), f"{path}: {text} can be put back as it was got", again)
        page = client.get("/account", headers={"Accept": PAGE})
        same(page.status, 200, f"{path}: the account's page shows {text}", page)
    for what, text in (("a NUL", '{"a":"\\u0000"}'), ("half a surrogate", '{"a":"\\ud800"}'),
                       ("100,000 brackets", "[" * 100000), ("a member twice", '{"a":1,"a":2}'),
                       ("two documents", "{} {}"), ("a comment", "{/**/}"), ("nothing", "")):
        answer = client.put(path, body=text, headers={"Content-Type": "application/json"})
        check(answer.status in (400, 413, 422) and answer.error, f"{path}: {what} is refused", answer)
        client.close()


for path in ("/session/data", "/profile/data"):
    user, client = signed_in()
    only_if_new(path, client)
    user, client = signed_in()
    versions_grow(path, client)
    conditions(path, client)
    merge_patch(path, client)
    sizes(path, client)
    speed(path, client)
    values(path, client)

user, phone = signed_in()
laptop = Client(login(user))
phone.put("/session/data", json={"cart": "phone"})
phone.put("/profile/data", json={"theme": "dark"})
same((laptop.get("/session/data").json(), laptop.get("/profile/data").json()), ({}, {"theme": "dark"}),
     "a session's document is the session's, a profile's is all its sessions'")
phone.patch("/profile/data", json={"<b>": "\"quoted\" & <i>"})
page = phone.get("/account", headers={"Accept": PAGE}).text.partition('id="documents"')[2]
check(all(html.escape(text) in page for text in ('"cart"', '"phone"', '"theme"', '"dark"')), "the account's page shows both", page)
check("<b>" not in page and "<i>" not in page and "&lt;b&gt;" in page, "as text, whatever is in them", page)
stranger, other = signed_in()
same((other.get("/session/data").json(), other.get("/profile/data").json()), ({}, {}), "nobody else sees either")
same([phone.get("/profile/data").json()["theme"] for _ in range(12)], ["dark"] * 12, "every worker sees the same")
for method in ("GET", "PUT", "PATCH", "DELETE"):
    for path in ("/session/data", "/profile/data"):
        answer = Client().request(method, path, json={} if method[0] == "P" else None)
        same((answer.status, answer.error), (401, "unauthorized"), f"{method} {path} without a session is 401", answer)
done()
