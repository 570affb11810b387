#!/usr/bin/python3
"""Files on S3, a Ceph gateway of our own: uploads survive kills and an absent storage, downloads pass no worker."""

import base64
import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
from chaos import INST, wait_until, workers
from mayfly import PROBLEM, SCRATCH, Client, check, dev, done, note, psql, same, settings, signed_in

MIB = 1024 * 1024
PART = 5 * MIB  # s3_part_bytes below: the least that S3 takes
TUS = {"Tus-Resumable": "1.0.0"}
LEASE_S = 3
PATIENCE_S = 60


def noise(length, seed):
    return random.Random(seed).randbytes(length)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def ident(url):
    return url.rpartition("/")[2]


def upload(client, content, name="file.bin", kind="application/octet-stream"):
    return client.post(f"/upload?name={name}", body=content, headers={"Content-Type": kind})


def create(client, length):
    answer = client.post("/uploads", headers={**TUS, "Upload-Length": str(length)})
    return answer.headers["Location"]


def patch(client, url, offset, content, **more):
    return client.patch(url, body=content, headers={**TUS, "Content-Type": "application/offset+octet-stream",
                                                    "Upload-Offset": str(offset), **more})


def head(client, url):
    return client.request("HEAD", url, headers=TUS)


def resume(client, url, content, step, disturb=lambda offset: None):
    """Sends what is missing, step bytes at a time, and asks again whenever something went wrong; the statuses met."""
    seen, until = [], time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        answer = head(client, url)
        seen.append(answer.status)
        if answer.status != 200:
            time.sleep(0.2)
            continue
        offset = int(answer.headers["Upload-Offset"])
        if offset == len(content):
            return seen
        disturb(offset)
        seen.append(patch(client, url, offset, content[offset:offset + step]).status)
        if seen[-1] != 204:
            time.sleep(0.2)
    raise TimeoutError(f"{url} does not end: {seen[-20:]}")


def sweep():
    ran = subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "sweep"], capture_output=True,
                         timeout=120)
    return ran.returncode, ran.stderr.decode()


# --- uploads


def whole_uploads(user, client):
    for size in (0, 1, PART - 1, PART, PART + 1, 40 * MIB):
        content = noise(size, size)
        answer = upload(client, content)
        same((answer.status, answer.json().get("sha256")), (201, sha256(content)), f"POST /upload takes {size} bytes", answer)
        same(client.get(answer.json()["url"]).body == content, True, f"the {size} bytes come back")
        same(len(s3.of(answer.json()["id"])), 1, f"the {size} bytes are one object in the bucket, and nothing else")
    left = psql(f"SELECT count(*) FROM mayfly.file_chunk c JOIN mayfly.file f ON f.id = c.file_id "
                f"WHERE f.account_id = '{user.id}'")
    same(left, "0", "PostgreSQL has none of their bytes")


def tail_rows(client):
    """What is no full part yet is a row; the parts are with S3 before the offset counts them."""
    content = noise(2 * PART + 1000, 7)
    url = create(client, len(content))
    key = f"file_id = '{ident(url)}'"

    same(patch(client, url, 0, content[:1000]).status, 204, "a PATCH of less than a part is taken")
    same((psql(f"SELECT sum(octet_length(bytes)) FROM mayfly.file_chunk WHERE {key}"), s3.of(ident(url))), ("1000", []),
         "it is a row, and S3 knows nothing of it")
    same(patch(client, url, 1000, content[1000:PART + 500]).status, 204, "a PATCH beyond the part's end is taken")
    same((psql(f"SELECT sum(octet_length(bytes)) FROM mayfly.file_chunk WHERE {key}"),
          psql(f"SELECT count(*) FROM mayfly.file_block WHERE {key}"), len(s3.unfinished(ident(url)))), ("500", "1", 1),
         "the part is with S3, the rest is a row")
    same(patch(client, url, PART + 500, content[PART + 500:]).status, 204, "the last PATCH is taken")
    same(client.get(f"/files/{ident(url)}").body == content, True, "the file has all bytes")
    same((psql(f"SELECT count(*) FROM mayfly.file_chunk WHERE {key}"), psql(f"SELECT count(*) FROM mayfly.file_block WHERE {key}"),
          s3.unfinished(ident(url))), ("0", "0", []), "neither rows nor parts are left over")


def checksums(client):
    """Of a PATCH that is longer than a part and wrong, nothing counts, though its part was sent."""
    content = noise(PART + 10, 8)
    url = create(client, len(content))
    right = "sha256 " + base64.b64encode(hashlib.sha256(content).digest()).decode()

    same(patch(client, url, 0, noise(PART + 10, 9), **{"Upload-Checksum": right}).status, 460, "a wrong checksum is 460")
    same(head(client, url).headers.get("Upload-Offset"), "0", "the offset stays")
    same(patch(client, url, 0, content, **{"Upload-Checksum": right}).status, 204, "the right bytes follow at once")
    same(client.get(f"/files/{ident(url)}").body == content, True, "they are the file")


def checked_pieces(client):
    """Pieces that are held until their checksum is right fill parts: the tails before them go with the offset."""
    content = noise(40 * MIB, 10)
    small = create(client, len(content))
    with settings(s3_part_bytes=8 * MIB):
        large = create(client, len(content))
    for place, part, piece in ((small, PART, 4 * MIB), (large, 8 * MIB, 5 * MIB)):
        key = f"file_id = '{ident(place)}'"
        for offset in range(0, len(content), piece):
            sent = content[offset:offset + piece]
            answer = patch(client, place, offset, sent, **{"Upload-Checksum": "sha256 " + base64.b64encode(
                hashlib.sha256(sent).digest()).decode()})
            end = offset + len(sent)
            tail = f"{end // part * part}|{end % part}" if end < len(content) and end % part else ""
            same((answer.status, psql(f"SELECT at, octet_length(bytes) FROM mayfly.file_chunk WHERE {key}")), (204, tail),
                 f"parts of {part // MIB} MiB: at {end // MIB} MiB there is no row but the tail's", answer)
        same(sha256(client.get(f"/files/{ident(place)}").body), sha256(content), f"parts of {part // MIB} MiB: the file has all bytes")


def kills(client):
    """Every worker is killed before each PATCH, and again while it is under way."""
    content = noise(40 * MIB, 11)
    url = create(client, len(content))
    killed, again = set(), set()

    def kill(offset):
        victims = workers()
        dev("kill")
        wait_until(5, lambda: not victims & workers())
        killed.update(victims)
        if offset // PART % 3 == 1 and offset // PART not in again:
            again.add(offset // PART)
            subprocess.Popen(["sh", "-c", 'sleep 0.03; exec "$0" kill', dev_path()], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)

    seen = resume(client, url, content, 3 * MIB + 333, kill)
    note(f"{len(killed)} workers killed; answers: {sorted(set(seen))}")
    same(set(seen) <= {200, 204, 423, 503}, True, "each answer is one that a client goes on from", seen)
    same(client.get(f"/files/{ident(url)}").body == content, True, "the file is what was sent, across all kills")
    same(len(s3.of(ident(url))), 1, "it is one object, no upload is left open")


def dev_path():
    from mayfly import DEV  # pylint: disable=import-outside-toplevel
    return DEV


def leases(client):
    """A worker that was killed in the middle may have a part on its way, so others wait for its lease."""
    content = noise(PART + 1, 12)
    url = create(client, len(content))
    psql(f"UPDATE mayfly.file SET lease = gen_random_uuid(), lease_until = now() + interval '{LEASE_S} s' "
         f"WHERE id = '{ident(url)}'")
    answer = patch(client, url, 0, content)
    same((answer.status, "Retry-After" in answer.headers), (423, True), "while another worker holds the lease PATCH is 423")
    same(head(client, url).status, 200, "HEAD tells the offset all the same")
    time.sleep(LEASE_S)
    same(patch(client, url, 0, content).status, 204, "it goes on when the lease is over")


# --- downloads


def downloads(client):
    content = noise(PART + 77, 21)
    made = upload(client, content, "caf%C3%A9%20%2B%26%3D%27.bin").json()
    url, tag = made["url"], f'"{made["sha256"]}"'
    whole = client.get(url)
    fields = {name: whole.headers.get(name) for name in ("etag", "content-type", "x-content-type-options", "cache-control",
                                                         "content-security-policy", "accept-ranges")}
    same(fields, {"etag": tag, "content-type": "application/octet-stream", "x-content-type-options": "nosniff",
                  "cache-control": "private, no-cache", "content-security-policy": "sandbox; default-src 'none'",
                  "accept-ranges": "bytes"}, "what the worker says of a file is what comes")
    check("filename*=UTF-8''caf%C3%A9%20+&%3D%27.bin" in whole.headers.get("content-disposition", ""), "its name too", whole)
    foreign = [name for name, _ in whole.fields if name.lower().startswith(("x-amz", "x-rgw", "x-trans", "x-openstack", "x-mayfly-object"))]
    same(foreign, [], "nothing shows that S3 is behind it")
    same(whole.headers.get("content-length"), str(len(content)), "its length is told")
    plain = client.request("HEAD", url)
    same((plain.status, plain.headers.get("etag"), plain.headers.get("content-length")), (200, tag, str(len(content))), "HEAD says the same")

    for wanted, first, end in (("bytes=0-0", 0, 1), ("bytes=100-", 100, None), ("bytes=-5", len(content) - 5, None),
                               (f"bytes={PART - 2}-{PART + 2}", PART - 2, PART + 3)):
        answer = client.get(url, headers={"Range": wanted})
        same((answer.status, answer.body == content[first:end]), (206, True), f"Range: {wanted}", answer.headers)
    same(client.get(url, headers={"Range": "bytes=0-9", "If-Range": tag}).status, 206, "If-Range with our tag gives the part")
    other = client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    same((other.status, len(other.body)), (200, len(content)), "If-Range with another gives all of it")
    beyond = client.get(url, headers={"Range": f"bytes={len(content)}-"})
    same((beyond.status, beyond.headers.get("content-range")), (416, f"bytes */{len(content)}"), "a range outside is 416")
    unchanged = client.get(url, headers={"If-None-Match": tag})
    same((unchanged.status, unchanged.headers.get("cache-control"), [name for name in unchanged.headers if "object" in name]),
         (304, "private, no-cache", []), "If-None-Match gives 304, as without S3")
    uploaded = whole.headers.get("last-modified")
    same(uploaded, plain.headers.get("last-modified"), "Last-Modified is the row's, not S3's")
    same([client.get(url, headers={"If-Modified-Since": date}).status for date in (uploaded, "Mon, 01 Jan 2024 00:00:00 GMT")],
         [304, 200], "and conditions on dates are held against it")
    same(Client().get(url).status, 401, "without a log-in there is nothing")
    same(signed_in()[1].get(url).status, 404, "nor for somebody else")

    upstream = [line for line in access_log() if url in line]
    check(any("unix:" in line and f"127.0.0.1:{port()}" in line for line in upstream), "nginx fetched it from S3 itself", *upstream[-2:])
    with settings(s3_accel="no"):
        before = len(access_log())
        answer = client.get(url, headers={"Range": "bytes=3-12"})
        same((answer.status, answer.body), (206, content[3:13]), "with s3_accel = no a worker sends it")
        same(client.get(url).body == content, True, "all of it")
        lines = [line for line in access_log()[before:] if url in line]
        check(lines and not any(f"127.0.0.1:{port()}" in line for line in lines), "then nginx asks no S3", *lines)

    page = upload(client, b"<script>alert(1)</script>", "p.png", "image/png").json()
    answer = client.get(page["url"])
    same(tuple(answer.headers[name].split(";")[0] for name in ("content-type", "content-disposition")), (page["type"], "attachment"),
         "HTML that is called .png is served so that it can't run", answer)

    key = s3.of(made["id"])[0]
    s3.ask("DELETE", f"/{key}")
    lost = client.get(url)
    same((lost.status, lost.headers.get("content-type")), (500, PROBLEM), "an object that S3 lost is a problem of ours", lost)
    check(b"<Error" not in lost.body and "content-disposition" not in lost.headers and "etag" not in lost.headers,
          "without S3's words and the file's headers", lost)
    use = client.post(f"{url}/link", json={"uses": 1}).json()["url"]
    same((Client().get(use).status, client.get(f"{url}/links").json()["links"][0]["uses_left"]), (500, 1),
         "a link for one download does not give it either, and is not used up by that")


def access_log():
    time.sleep(1.2)  # nginx writes it once a second
    return (SCRATCH / "log/access.log").read_text(errors="replace").splitlines()


def port():
    return s3.setting("s3_endpoint").rpartition(":")[2]


def secure(client):
    """By https nginx gives its signed URL only to who has the certificate of the name that was signed."""
    content = noise(300_000, 51)
    url = upload(client, content).json()["url"]
    state = dict(line.split() for line in (SCRATCH / "state").read_text().splitlines())
    host, locations = SCRATCH / "etc/conf.d/mayfly-host.conf", SCRATCH / "etc/snippets/mayfly-locations.conf"
    before = {path: path.read_text() for path in (host, locations)}

    def nginx(files):
        for path, text in files.items():
            path.write_text(text)
        dev("service", "signal", "nginx", "HUP")
        time.sleep(1)
        client.close()

    by_tls = before[host].replace(f"http://127.0.0.1:{port()};", f"https://127.0.0.1:{state['radosgw-https']};")
    trusting = before[locations].replace("/etc/ssl/certs/ca-certificates.crt", str(SCRATCH / "etc/s3-ca.pem"))
    try:
        with settings(s3_endpoint=f"https://localhost:{state['radosgw-https']}", s3_ca_file=SCRATCH / "etc/s3-ca.pem"):
            nginx({host: by_tls, locations: trusting})
            same(client.get(url).body == content, True, "a download by https")
        with settings(s3_endpoint=f"https://127.0.0.2:{state['radosgw-https']}"):
            check(client.get(url).stated_503(), "none when the certificate is for another name")
        with settings(s3_endpoint=f"https://localhost:{state['radosgw-https']}"):
            check(client.get(url).stated_503(), "none when nobody the workers trust has signed it")
        with settings(s3_endpoint=f"https://localhost:{state['radosgw-https']}", s3_ca_file=SCRATCH / "etc/s3-ca.pem"):
            nginx({locations: before[locations]})
            seen = len(access_log())
            same(client.get(url).body == content, True, "when only nginx does not trust it, a worker sends the file")
            lines = [line for line in access_log()[seen:] if url in line]
            check(lines and '"upstream_status":"200 : 502 : 200"' in lines[-1], "and nginx has believed nobody", *lines)
    finally:
        nginx(before)
    same(client.get(url).body == content, True, "and by http again")


# --- the storage goes away and comes back


def outage(client):
    content = noise(3 * PART + 100, 31)
    there = upload(client, content[:PART]).json()["url"]
    url = create(client, len(content))
    same(patch(client, url, 0, content[:PART + 5]).status, 204, "an upload has begun")
    complete = create(client, 100)
    uses = [client.post(f"{there}/link", json={"uses": 1}).json()["url"] for _ in range(2)]
    deferred = create(client, 200)
    same(patch(client, deferred, 0, content[:150]).status, 204, "and a small one, of which S3 knows nothing yet")

    s3.stop()
    answer = client.get(there)
    check(answer.stated_503() and answer.error == "unavailable", "a download is 503 with Retry-After", answer)
    same(client.request("HEAD", there).status, 200, "what needs no bytes works")
    answer = Client().get(uses[0])
    check(answer.stated_503() and answer.error == "unavailable", "a link for one download is 503 with Retry-After", answer)
    with settings(s3_accel="no"):
        check(Client().get(uses[1]).stated_503(), "so it is when a worker would send the file")
    answer = Client().post(uses[0])
    check(answer.stated_503(), "and when its button is pressed", answer)
    answer = upload(client, b"x" * 100)
    check(answer.stated_503() and answer.error == "unavailable", "POST /upload is 503 with Retry-After", answer)
    answer = patch(client, url, PART + 5, content[PART + 5:])
    check(answer.stated_503(), "a PATCH that fills a part is 503", answer)
    answer = head(client, url)
    same((answer.status, answer.headers.get("Upload-Offset")), (200, str(PART + 5)), "HEAD knows what was stored", answer)
    answer = patch(client, complete, 0, content[:100])
    check(answer.stated_503(), "the last PATCH of a small upload is 503", answer)
    answer = head(client, complete)
    same((answer.status, "Retry-After" in answer.headers), (423, True), "then HEAD is 423, not an error after which clients begin anew", answer)
    same(patch(client, deferred, 150, content[150:160]).status, 204, "PATCHes of less than a part are still taken")

    s3.start()
    seen = resume(client, complete, content[:100], 100)
    # The other worker of files may still answer 503 with Retry-After, for the moment in which it takes the storage to be away.
    wait_until(10, lambda: not client.get(f"/files/{ident(complete)}").stated_503())
    same((set(seen) <= {200, 423}, client.get(f"/files/{ident(complete)}").body), (True, content[:100]),
         "it is back: nothing is sent again, HEAD ends the upload", seen)
    resume(client, url, content, len(content))
    same(client.get(f"/files/{ident(url)}").body == content, True, "the large one resumes")
    resume(client, deferred, content[:200], 200)
    same(client.get(f"/files/{ident(deferred)}").body, content[:200], "the small one too")
    same(client.get(there).body == content[:PART], True, "the download works again")
    for one in uses:
        same((Client().get(one).body == content[:PART], Client().get(one).status), (True, 404),
             "what failed has not used the link up: it works once, and then no more")


# --- the end


def ends(client):
    made = [upload(client, noise(size, size)).json()["id"] for size in (10, PART + 10)]
    open_one = create(client, 3 * PART)
    patch(client, open_one, 0, noise(PART + 3, 5))
    ids = [*made, ident(open_one)]
    same([len(s3.of(one)) for one in ids], [1, 1, 1], "two objects and an unfinished upload are in the bucket")
    same([client.delete(f"/files/{one}").status for one in made], [204, 204], "the files are deleted")
    same(client.delete(open_one, headers=TUS).status, 204, "the upload is terminated")
    same([client.get(f"/files/{one}").status for one in made] + [head(client, open_one).status], [404, 404, 404], "nobody sees them any more")
    psql("UPDATE mayfly.file SET sweep_at = now() WHERE state = 'deleting' AND sweep_at > now()")
    same(sweep()[0], 0, "a sweep works")
    same([s3.of(one) for one in ids], [[], [], []], "and nothing of them is left in the bucket")


def both(client):
    """A file knows its back end."""
    content = noise(600_000, 41)
    old = upload(client, content).json()["url"]
    with settings(objects="postgres"):
        new = upload(client, content[:300_000]).json()["url"]
        same(psql(f"SELECT back_end FROM mayfly.file WHERE id = '{ident(new)}'"), "postgres", "with objects = postgres new files go there")
        same((client.get(old).body == content, client.get(new).body == content[:300_000]), (True, True), "the file in S3 is readable beside it")
        same((client.get(old, headers={"Range": "bytes=5-9"}).body, client.get(new, headers={"Range": "bytes=5-9"}).body),
             (content[5:10], content[5:10]), "ranges of both too")
    same(client.get(new).body == content[:300_000], True, "and the other way round")


def main():
    s3.start()
    with settings(objects="s3", s3_part_bytes=PART, upload_lease_ms=LEASE_S * 1000, s3_retries=1, s3_timeout_ms=5000):
        user, client = signed_in()
        whole_uploads(user, client)
        tail_rows(client)
        checksums(client)
        checked_pieces(client)
        leases(client)
        kills(client)
        downloads(client)
        if not s3.OTHER:
            secure(client)
        both(client)
        outage(client)
        ends(client)
    done()


main()
