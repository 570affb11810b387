#!/usr/bin/python3
"""seeds.py OUT: writes what each harness begins with, from t/data and by hand, to OUT/HARNESS. Always the same files."""

import hashlib
import struct
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"


def samples(folder):
    """The inputs of a parser's tests; what they are to give stands beside them."""
    for path in sorted((DATA / folder).rglob("*")):
        if path.is_file() and path.suffix not in (".out", ".err"):
            yield path.read_bytes()


def record(kind, content=b"", request_id=1, padding=0):
    return struct.pack(">BBHHBB", 1, kind, request_id, len(content), padding, 0) + content + bytes(padding)


def pair(name, value):
    return bytes([len(name), len(value)]) + name + value


def csv():
    for data in samples("csv"):
        yield b"\x04" + data


def fcgi_head():
    head = (record(1, b"\0\1\1" + bytes(5)) + record(4, pair(b"REQUEST_METHOD", b"GET") + pair(b"MAYFLY_STREAM", b"1"), padding=3) +
            record(4))
    yield b"\x06" + head
    yield b"\x00" + head + record(5, b"abc", padding=5) + record(5)
    yield b"\x02" + record(9, pair(b"FCGI_MAX_CONNS", b""), 0)


def fcgi_connection():
    def request(uri, body=b"", keep=1, stream=False, request_id=1, padding=0):
        pairs = pair(b"DOCUMENT_URI", uri) + (pair(b"MAYFLY_STREAM", b"1") if stream else b"")
        yield record(1, bytes((0, 1, keep)) + bytes(5), request_id) + record(4, pairs, request_id) + record(4, b"", request_id)
        for at in range(0, len(body), 50):
            yield record(5, body[at:at + 50], request_id, padding)
        yield record(5, b"", request_id, padding)

    def stream(*requests):
        return b"".join(b"".join(parts) for parts in requests)

    forged = stream(request(b"/forged"))
    streams = (stream(request(b"/a"), request(b"/b", b"x" * 120, padding=3), request(b"/c", forged, stream=True)),
               stream(request(b"/a", forged * 3, stream=True, keep=0)),
               stream(request(b"/z", b"y" * 10, request_id=7), [record(2)], request(b"/n")))
    for policies in (0, 0b01010101, 0b10100100):
        for step in (0, 1, 7):
            for data in streams:
                yield bytes((policies, step)) + data


def fields():
    for folder, kind in (("tus-checksum", 0), ("tus-concat", 0), ("tus-length", 0), ("tus-metadata", 0), ("tus-offset", 0),
                         ("range", 1), ("etag", 1), ("disposition", 2), ("filename", 2), ("cookie", 3), ("token", 4)):
        for data in samples(folder):
            yield bytes([kind]) + data
    yield (b"\x03/files/x\nname=a&q=1\napplication/json; charset=utf-8\nmayfly=\"mfs_x\"; a=b\nBearer mfs_x\n"
           b"text/html,application/json\n12\nPOST\nPATCH")
    yield b"\x0400-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    yield b"\x0410.0.0.0/8, 2001:db8::/32, unix"


def json():
    for data in samples("json"):
        yield b"\x00" + data
    for data in samples("form"):
        yield b"\x01" + data


def multipart():
    for data in samples("multipart"):
        yield b"\x05" + data  # its first line is the content type, where it has one
        yield b"\x00multipart/form-data; boundary=b\n" + data
    yield (b"\x03multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"\r\n\r\n"
           b"hi\r\n--b--\r\n")


def nginx():
    """Sites in front of files with the names, as nginx -T prints them, and what its language has beside."""
    gate = b"".join(b"# configuration file /n/snippets/%s:\n%s\n" % (path.name.encode(), path.read_bytes())
                    for path in sorted((DATA.parents[1] / "nginx").glob("mayfly-*.conf")) if path.stat().st_size < 1000)
    main = b"# configuration file /n/nginx.conf:\nhttp {\ninclude conf.d/*.conf;\ninclude site;\n}\n"
    for data in samples("nginx-check"):
        yield main + b"# configuration file /n/site:\n" + data
    yield main + b"# configuration file /n/site:\nserver { location / { include snippets/mayfly-errors.conf; } }\n" + gate
    for body in (b"location / { auth_request mayfly:gate; set $mayfly_require 'group:a'; proxy_pass http://[::1]:80; if ($a) { return 200; } }",
                 b"rewrite_by_lua_block { a = '}' --[[ } ]] } location ~ \\.php$ { auth_request mayfly:gate; try_files $uri @a; } location @a { }",
                 b"listen unix:/run/a; location = mayfly:gate { } location /a { alias /b/; auth_request mayfly:gate; error_page 401 /x; }"):
        yield b"http { server { server_name a.example *.b; " + body + b" } }"


XML = (
    b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<IsTruncated>true</IsTruncated><Contents><Key>uploads/a</Key><Size>10</Size>"
    b"<LastModified>2026-11-24T18:16:44.000Z</LastModified></Contents></ListBucketResult>",
    b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>uploads/a</Key><UploadId>u</UploadId>"
    b"<Initiated>2026-11-24T18:16:44.000Z</Initiated></Upload></ListMultipartUploadsResult>",
    b"<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><ETag>&quot;abc&quot;</ETag>"
    b"<Size>5242880</Size></Part></ListPartsResult>",
    b"<Error><Code>SlowDown</Code><Message>m</Message></Error>",
    b"<InitiateMultipartUploadResult><UploadId>abc</UploadId></InitiateMultipartUploadResult>",
    b'<CopyPartResult><ETag>"x"</ETag></CopyPartResult>',
    b'<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>',
    b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
)


def rules():
    for text in (b"group:staff | user:ann", b"# a\nany net:192.0.2.0/24,2001:db8::/32\npublic path:/static/,/*/x method:GET,HEAD\n",
                 b"group:a group:b factor:2 recent:600 | any key | user:a%7Cb,\xc3\xa4"):
        yield b"\x00" + text
    body = (b"mfr\x01" + bytes(16) + b"\0\x03\0\x02" + b"\x02\0\0\0" + b"\x06\0\0\x01\0\x08" + (2).to_bytes(8, "big") +
            b"\x09\0\0\x01\0\x03/a\0")
    yield b"\x01" + body + hashlib.sha256(body).digest()[:16]
    for target in (b"/static/%2e%2e/admin", b"/a%20b/?c", b"/\xef\xbc\x8e/x", b"/.well-known/a;b"):
        yield b"\x02" + target
    for origin in (b"https://git.example.org:8443/a%20b/", b"http://[::1]:80", b"https://192.0.2.7/", b"http://a.localhost"):
        yield b"\x03" + origin


def s3_answer():
    for kind, xml in enumerate(XML):
        for status in (b"200 OK", b"404 Not Found", b"503 Slow Down"):
            yield (bytes([kind]) + b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\nETag: \"t\"\r\n"
                   b"Date: Tue, 24 Nov 2026 18:16:44 GMT\r\n\r\n" % len(xml) + xml)
    for kind in (3, 4):
        yield bytes([kind]) + b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 10-14/15\r\n\r\nabcde"
    yield b"\x03HTTP/1.1 416 Range\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def s3_xml():
    for xml in XML:
        yield b"\x03" + xml


SCENARIO = b"""# prove: worker-header X-Served-By
# prove: outage 502 503
# prove: acknowledges session
POST {{url}}/login
[Form]
user: {{user}}
HTTP/1.1 200
[Captures]
token: header "X-Token" regex /^(\\w+)\\/x$/
id: jsonpath "$.list[2].id"
[Asserts]
cookie "sid[Path]" == "/"
# prove: shows session
# prove: undoes session
GET {{url}}/me
[Options]
location: true
HTTP 200
Content-Type: application/json
[Asserts]
jsonpath "$.list[*].id" count == 1
jsonpath "$['name']" not startsWith "{{user}}x"
body matches /"n": \\d/
variable "token" toInt >= -1.5e2
sha256 == hex,00ff;
"""


def scenario():
    yield SCENARIO + b'\0{"name": "ann", "n": 3, "list": [1, "b", {"id": 7}]}'
    for body in (b"```json\n{{a}}\n```", b"`one \\u{1F600}`", b'{"a": [1, "\\"}"]}', b"file,a b.png;", b"base64,AP8=;",
                 b"[Multipart]\na: file,b; image/png\n", b"[BasicAuth]\na: b\n", b"[Query]\na\\#: b # c\n"):
        yield b"# prove: acknowledges write a\n# prove: repeatable\nPUT x\n" + body + b"\nHTTP *\n# prove: shows write a\nGET x\n" + b"\0[]"


def sniff():
    yield from (
        b"\x89PNG\r\n\x1a\n" + bytes(20), b"GIF89a..", b"\xff\xd8\xff\xe0", b"<!doctype html><script>",
        b'<svg xmlns="http://www.w3.org/2000/svg">', b"%PDF-1.7", b"PK\x03\x04" + bytes(60), b"RIFF....WEBPVP8 ",
        b"\xef\xbb\xbf<html>", b"plain text", b'<?xml version="1.0"?><svg>', b"\xfe\xff\0<\0h")


def template():
    yield b'{{#a}}{{.}}{{/a}}{{^b}}x{{/b}}{{a.b}}{{> p}}{{! note}}\n{"a":[1,"<b>",{"b":2}],"b":null}'
    yield b'{{name}}\n{"files":[{"name":"<x>","id":"a"}],"user":{"display":"q"}}'


def main(out):
    for harness in (csv, fcgi_connection, fcgi_head, fields, json, multipart, nginx, rules, s3_answer, s3_xml, scenario, sniff, template):
        folder = Path(out) / harness.__name__
        folder.mkdir(parents=True, exist_ok=True)
        for data in harness():
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


main(sys.argv[1])
