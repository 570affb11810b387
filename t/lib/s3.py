"""The S3 storage of the stack as its owner sees it: a Ceph gateway that ./dev starts when it is first asked for."""

import base64
import contextlib
import hashlib
import json
import subprocess
import urllib.parse
import xml.etree.ElementTree as tree

from mayfly import SCRATCH, dev

BUCKET = "mayfly"


def start():
    dev("service", "start", "radosgw")


def stop():
    dev("service", "stop", "radosgw")


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


def ask(method, path="", query="", body=None):
    """The body of an answer to a request that curl signs: the query's parameters in order and encoded."""
    key = dict(line.split("=", 1) for line in (SCRATCH / "etc/s3").read_text().split())
    user = json.dumps(f"{key['AWS_ACCESS_KEY_ID']}:{key['AWS_SECRET_ACCESS_KEY']}")
    url = f"{setting('s3_endpoint')}/{BUCKET}{path}{'?' + query if query else ''}"
    more = [] if body is None else ["--data-binary", body, "-H", "Content-Type: application/xml", "-H", "Content-MD5: " +
                                    base64.b64encode(hashlib.md5(body.encode()).digest()).decode()]
    return subprocess.run(["curl", "-fsS", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:s3", "-K", "-", "-X", method,
                           "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *more, url], check=True,
                          input=f"user = {user}\n", stdout=subprocess.PIPE, text=True).stdout


def _keys(query, element):
    root = tree.fromstring(ask("GET", query=query))
    return sorted(found.text for found in root.iter() if found.tag.rpartition("}")[2] == element)


def keys():
    """Of all objects below uploads/; tests have less than a page of them."""
    return _keys("list-type=2&prefix=uploads%2F", "Key")


def unfinished(file_id=""):
    """Keys of uploads in parts that were neither completed nor aborted; of one file, or of all."""
    return [key for key in _keys("prefix=uploads%2F&uploads=", "Key") if file_id in key]


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
