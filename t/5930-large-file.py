#!/usr/bin/python3
"""1 GB goes up and down, by POST /upload and by tus, and a worker needs no more memory for it than for 1 MB."""

import hashlib
import http.client
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import Threads, workers
from files import CHUNK, TUS, file_url, noise, tus_create
from mayfly import check, done, note, same, settings, signed_in

MB = 1_000_000
LARGE, SMALL = 1000 * MB, MB
PIECE = noise(MB)
# A worker holds one block of 256 KiB, its way to PostgreSQL or from there, and what the allocator keeps of it; the same for
# any length. Running SHA-256, offsets and tails are some hundred bytes. What may still differ is the allocator's luck.
MORE_KIB = 1024
# All of that over a worker that has served small requests only.
OVER_KIB = 8 * 1024

user, client = signed_in()


def pieces(length):
    """No two megabytes are alike, so none can stand for another."""
    for number in range(length // MB):
        yield number.to_bytes(8, "big") + PIECE[8:]


def sha256(length):
    whole = hashlib.sha256()
    for piece in pieces(length):
        whole.update(piece)
    return whole.hexdigest()


def send(method, path, length, headers):
    """A request of so many bytes, which are nowhere together. Status, headers, body."""
    connection = http.client.HTTPConnection(client.host, client.port, timeout=120)
    connection.putrequest(method, path)
    for name, value in {"Authorization": f"Bearer {client.token}", "Content-Length": str(length), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for piece in pieces(length):
        connection.send(piece)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def upload(length):
    answer, body = send("POST", "/upload", length, {"Content-Type": "application/octet-stream"})
    return f"/files/{answer.getheader('Location', '')[7:]}" if answer.status == 201 else (answer.status, body)


def upload_by_tus(length):
    url = tus_create(client, length).headers["Location"]
    answer, body = send("PATCH", url, length, {**TUS, "Content-Type": CHUNK, "Upload-Offset": "0"})
    return file_url(url) if answer.status == 204 else (answer.status, body)


def download(url):
    """SHA-256 and length of what comes."""
    connection = http.client.HTTPConnection(client.host, client.port, timeout=120)
    connection.request("GET", url, headers={"Authorization": f"Bearer {client.token}"})
    answer, whole, length = connection.getresponse(), hashlib.sha256(), 0
    while chunk := answer.read(MB):
        whole.update(chunk)
        length += len(chunk)
    connection.close()
    return whole.hexdigest(), length


def memory(pid):
    """The peak of resident memory, and the proportional share of it that is in use now, in KiB."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    rollup = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(status["VmHWM"].split()[0]), int(rollup["Pss"].split()[0])


def peaks(pids, doing, *arguments):
    """What doing gives, the highest peak and PSS of any worker, and the seconds."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew (proc(5))
    shares, began = [0], time.monotonic()

    def watch():
        shares.append(max(memory(pid)[1] for pid in pids))
        time.sleep(0.05)

    with Threads() as threads:
        threads.repeat(watch)
        result = doing(*arguments)
        took = time.monotonic() - began
        threads.over.set()
    return result, max(memory(pid)[0] for pid in pids), max(shares), took


def main():
    # The same workers from the first to the last byte. They do not sweep: what another test left in S3 would load libcurl, 3 MB.
    with settings(worker_max_requests=0, worker_max_age_s=0, sweep_every_s=0):
        pids = workers("files-a", "files-b")
        for _ in range(10):
            client.get("/files")
        idle = max(memory(pid)[0] for pid in pids)
        note(f"a worker before: peak {idle} KiB")
        digests = {length: sha256(length) for length in (SMALL, LARGE)}
        for way in (upload, upload_by_tus):
            name = "POST /upload" if way is upload else "tus"
            for _ in range(4):
                small, small_peak, _, _ = peaks(pids, way, SMALL)
                _, small_down, _, _ = peaks(pids, download, small)
            url, peak, share, took = peaks(pids, way, LARGE)
            note(f"{name}: {LARGE / took / MB:.0f} MB/s up, peak {peak} KiB (of {SMALL / MB:.0f} MB: {small_peak} KiB), PSS {share} KiB")
            if not check(isinstance(url, str), f"{name}: 1 GB is taken", url):
                continue
            listed = client.get("/files").json()["files"][0]
            same((listed["url"], listed["size"], listed["sha256"]), (url, LARGE, digests[LARGE]), f"{name}: it is all there")
            check(peak <= small_peak + MORE_KIB and peak <= idle + OVER_KIB, f"{name}: no worker needed more memory for 1 GB than for 1 MB",
                  peak, small_peak, idle)
            got, peak, share, took = peaks(pids, download, url)
            note(f"{name}: {LARGE / took / MB:.0f} MB/s down, peak {peak} KiB (of {SMALL / MB:.0f} MB: {small_down} KiB), PSS {share} KiB")
            same(got, (digests[LARGE], LARGE), f"{name}: it comes back as it was")
            check(peak <= small_down + MORE_KIB and peak <= idle + OVER_KIB, f"{name}: nor to send it", peak, small_down, idle)
            same(client.delete(url).status, 204, f"{name}: it is deleted")
        same(workers("files-a", "files-b"), pids, "the workers are those of the beginning")
    done()


main()
