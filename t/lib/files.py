"""What the tests of files share: forms with files in them, tus by hand, bodies that break off, what is in the database.
TAP, people and ./dev are those of mayfly.py."""

import base64
import contextlib
import hashlib
import os
import random
import signal
import socket
import time
import urllib.parse

import chaos
import mayfly
import s3
from mayfly import dev, psql


def forget_rows():
    """Without a file in the database; what storages have of them stays."""
    psql("DELETE FROM mayfly.file; DELETE FROM mayfly.file_copy; DELETE FROM mayfly.file_chunk; "
         "UPDATE mayfly.account_usage SET bytes = 0, files = 0")


def forget_others():
    """For tests that judge all that is stored: what others have left in this stack is gone, from S3 as well."""
    forget_rows()
    if s3.setting("s3_endpoint"):
        s3.start()
        s3.clear()

BOUNDARY = "edge"
CHUNK = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def noise(length, seed=1):
    """The same bytes for the same seed; no two blocks are alike."""
    return random.Random(seed).randbytes(length)


# --- POST /upload


def part(name, content, filename=None, kind=None):
    """One part of a form. filename: text, or the bytes between the quotes."""
    head = f'Content-Disposition: form-data; name="{name}"'.encode()
    if filename is not None:
        head += b'; filename="' + (filename if isinstance(filename, bytes) else filename.encode()) + b'"'
    if kind is not None:
        head += f"\r\nContent-Type: {kind}".encode()
    return head + b"\r\n\r\n" + (content if isinstance(content, bytes) else content.encode())


def form(*parts):
    """A body of multipart/form-data."""
    delimiter = f"--{BOUNDARY}".encode()
    return b"".join(delimiter + b"\r\n" + one + b"\r\n" for one in parts) + delimiter + b"--\r\n"


def post_form(client, *parts, **headers):
    fields = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
              **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post("/upload", body=form(*parts), headers=fields)


def post_raw(client, content, name="", kind="application/octet-stream", **headers):
    query = f"?name={urllib.parse.quote(name)}" if name else ""
    return client.post(f"/upload{query}", body=content, headers={
        "Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}})


# --- tus


def metadata(**pairs):
    """Upload-Metadata; a value is text or bytes."""
    return ",".join(f"{key} " + base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
                    for key, value in pairs.items())


def checksum(algorithm, content):
    return f"{algorithm} " + base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def tus_create(client, length=None, body=None, **headers):
    """length None: it comes later, or is among the headers. Underscores in names stand for hyphens."""
    fields = {**TUS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if length is not None:
        fields["Upload-Length"] = str(length)
    if body is not None:
        fields["Content-Type"] = CHUNK
    return client.post("/uploads", body=body, headers=fields)


def tus_patch(client, url, offset, content, **headers):
    return client.patch(url, body=content, headers={**TUS, "Content-Type": CHUNK, "Upload-Offset": str(offset),
                                                    **{name.replace("_", "-"): value for name, value in headers.items()}})


def tus_head(client, url, **headers):
    return client.request("HEAD", url, headers={**TUS, **headers})


def tus_offset(client, url):
    """None when HEAD does not tell."""
    answer = tus_head(client, url)
    return int(answer.headers["Upload-Offset"]) if answer.status == 200 else None


def file_url(upload_url):
    return upload_url.replace("/uploads/", "/files/")


# --- by hand


@contextlib.contextmanager
def half_sent(client, method, path, length, content, headers=()):
    """A request whose body is said to have length bytes, of which only content was sent. Gives its socket."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {client.host}:{client.port}", f"Authorization: Bearer {client.token}",
             f"Content-Length: {length}", *(f"{name}: {value}" for name, value in dict(headers).items())]
    with socket.create_connection((client.host, client.port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        yield connection


def half_patch(client, url, offset, length, content, **headers):
    return half_sent(client, "PATCH", url, length, content,
                     {**TUS, "Content-Type": CHUNK, "Upload-Offset": str(offset),
                      **{name.replace("_", "-"): value for name, value in headers.items()}})


# --- what is away for a while


DATABASE_RETRY_S = 0.5


@contextlib.contextmanager
def postgres_away():
    """Afterwards every worker asks it again: none says any more that it was away a moment ago (database_retry_ms)."""
    dev("service", "stop", "postgres")
    try:
        yield
    finally:
        dev("service", "start", "postgres")
        time.sleep(DATABASE_RETRY_S)


@contextlib.contextmanager
def pools_away(*names):
    """No worker of these pools is there, and their sockets are gone."""
    try:
        for name in names:
            os.kill(chaos.service_pid(f"pool-{name}"), signal.SIGTERM)
        chaos.wait_until(15, lambda: not chaos.workers(*names))
        yield
    finally:
        for name in names:
            dev("restart", name)


# --- what is there


def fill(account, count):
    """Rows of files as they are after an upload."""
    psql(f"""INSERT INTO mayfly.file (id, account_id, state, via, back_end, object_name, block_bytes, name, size, received, reserved,
            sealed, sha256)
        SELECT gen_random_uuid(), '{account}', 'committed', 'upload', 'postgres', 'upload', 262144, 'file ' || n, 0, 0, 0, true, sha256('')
        FROM generate_series(1, {count}) n;
        INSERT INTO mayfly.account_usage VALUES ('{account}', 0, {count}) ON CONFLICT (account_id)
            DO UPDATE SET files = account_usage.files + {count}""")


def usage(user):
    """Bytes and files as they are counted for the account."""
    row = psql(f"SELECT bytes, files FROM mayfly.account_usage WHERE account_id = '{user.id}'")
    return tuple(int(word) for word in row.split("|")) if row else (0, 0)


def rows(user, states="'pending','committed'"):
    """How many files the account has in these states."""
    return int(psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = '{user.id}' AND state IN ({states})"))


def download(client, url):
    return mayfly.Client(client.token).get(url)
