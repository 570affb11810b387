"""The S3 storage of the stack as its owner sees it: a Ceph gateway that ./dev starts when it is first asked for, or the one
that t/5566 and t/5567 run a test over, by OTHER_STORAGE."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import os
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as tree
from pathlib import Path

from mayfly import SCRATCH, dev

REGION = "us-east-1"
OTHER = os.environ.get("OTHER_STORAGE")


def _service(word):
    if OTHER:
        subprocess.run([sys.executable, "-B", Path(__file__).with_name("other_storages.py"), word, OTHER], check=True)
    else:
        dev("service", word, "radosgw")


def start():
    _service("start")


def stop():
    _service("stop")


@contextlib.contextmanager
def silent():
    """It takes connections, as its kernel does, and says nothing."""
    dev("service", "signal", "radosgw", "STOP")
    try:
        yield
    finally:
        dev("service", "signal", "radosgw", "CONT")


def setting(name):
    for line in (SCRATCH / "etc/mayfly.conf").read_text().splitlines():
        if line.partition("=")[0].strip() == name:
            return line.partition("=")[2].strip()
    return None


def _sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(key_id, secret, method, host, path, query):
    """The headers that make it a request of this key's (AWS Signature Version 4), whatever its body."""
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": time}
    canonical = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", ";".join(headers),
                           headers["x-amz-content-sha256"]])
    scope = [time[:8], REGION, "s3", "aws4_request"]
    derived = f"AWS4{secret}".encode()
    for part in scope:
        derived = _sign(derived, part)
    text = "\n".join(["AWS4-HMAC-SHA256", time, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 Credential={key_id}/{'/'.join(scope)}, SignedHeaders={';'.join(headers)}, "
                                        f"Signature={_sign(derived, text).hex()}"}


def ask(method, path="", query="", body=None):
    """The body of an answer: the query's parameters in order and encoded."""
    key = dict(line.split("=", 1) for line in open(setting("s3_credentials"), encoding="ascii").read().split())
    host, path = urllib.parse.urlsplit(setting("s3_endpoint")).netloc, f"/{setting('s3_bucket')}{path}"
    headers = signed(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"], method, host, path, query)
    if body is not None:
        headers |= {"content-type": "application/xml", "content-md5": base64.b64encode(hashlib.md5(body.encode()).digest()).decode()}
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, f"{path}?{query}" if query else path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}?{query}: {answer.status} {text}")
    return text


def _listed(element, asked, marks):
    """The texts of this element of a list, page after page: some storages have short ones. marks: what asks for those behind an entry."""
    found, entry = [], {}
    while not entry or entry.get("IsTruncated") == "true":
        asked |= {mark: entry[name] for mark, name in marks.items() if entry}
        query = "&".join(f"{name}={urllib.parse.quote(text, safe='')}" for name, text in sorted(asked.items()))
        page = [(one.tag.rpartition("}")[2], one.text or "") for one in tree.fromstring(ask("GET", query=query)).iter()]
        found += [text for name, text in page if name == element]
        entry = dict(page)
    return sorted(found)


def keys():
    """Of all objects below uploads/."""
    return _listed("Key", {"list-type": "2", "prefix": "uploads/"}, {"start-after": "Key"})


def unfinished(file_id=""):
    """Keys of uploads in parts that were neither completed nor aborted; of one file, or of all."""
    found = _listed("Key", {"prefix": "uploads/", "uploads": ""}, {"key-marker": "Key", "upload-id-marker": "UploadId"})
    return [key for key in found if file_id in key]


def clear():
    """Removes all objects and unfinished uploads."""
    for key in keys():
        ask("DELETE", f"/{key}")
    for upload in tree.fromstring(ask("GET", query="uploads=")).iter():
        if upload.tag.rpartition("}")[2] == "Upload":
            named = {part.tag.rpartition("}")[2]: part.text for part in upload}
            ask("DELETE", f"/{named['Key']}", f"uploadId={urllib.parse.quote(named['UploadId'], safe='')}")


def of(file_id):
    """What there is of a file: objects and unfinished uploads."""
    return [key for key in keys() + unfinished() if file_id in key]
