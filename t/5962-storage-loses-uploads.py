#!/usr/bin/python3
"""
Uploads to a storage that misbehaves, or does without what not every S3 has: ETags of any spelling, an upload that is gone,
answers that are lost, no lists of uploads and parts. What can go on does, and the rest is said in a word.
"""

import subprocess
import sys
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
import s3_wrong
from chaos import INST
from files import file_url, noise, post_raw, tus_create, tus_head, tus_patch, usage
from mayfly import SCRATCH, Client, check, done, psql, same, signed_in
from s3_wrong import RESET, answer, refusal

PART = 5 * 1024 * 1024
CONTENT = noise(PART + 10, 3)


def puts_part(asked):
    return asked.method == "PUT" and "partNumber" in asked.query


def completes(asked):
    return asked.method == "POST" and "uploadId" in asked.query


def lists(asked):
    """Of uploads and of parts; and giving an upload up, which some do without as well."""
    return (asked.method == "GET" and ("uploads" in asked.query or "uploadId" in asked.query) or
            asked.method == "DELETE" and "uploadId" in asked.query)


def tagged(change):
    return lambda asked: asked.passed_on(lambda fields: [
        (name, change(value) if name.lower() == "etag" else value) for name, value in fields if name.lower() != "etag" or change(value)])


def mayflyctl(*words):
    return subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True,
                          timeout=120)


def kept(client, made):
    """Whether the file that was made has the bytes."""
    return made.status == 201 and client.get(made.json()["url"]).body == CONTENT


def tags(client, storage):
    for name, change in (("without quotes", lambda tag: tag.strip('"')), ("weak", lambda tag: f"W/{tag}")):
        with storage.answers(tagged(change), puts_part):
            made = post_raw(client, CONTENT)
            same((made.status, kept(client, made)), (201, True), f"parts whose ETags are {name} make a file")
    url = tus_create(client, len(CONTENT)).headers["Location"]
    with storage.answers(tagged(lambda tag: ""), puts_part):
        check(post_raw(client, CONTENT).stated_503(), "without any ETag an upload is 503")
        check(tus_patch(client, url, 0, CONTENT).stated_503(), "one by tus too")
        same(tus_head(client, url).status, 200, "and HEAD still tells where to go on")
    offset = int(tus_head(client, url).headers.get("Upload-Offset", 0))
    same((tus_patch(client, url, offset, CONTENT[offset:]).status, client.get(file_url(url)).body == CONTENT), (204, True),
         "from there it goes on afterwards")


def gone(user, client, storage):
    """A rule of the bucket has removed the parts, say."""
    before = usage(user)
    for name, said in (("an upload that the storage does not know any more", refusal("404 Not Found", "NoSuchUpload")),
                       ("a part that the storage has not", refusal("400 Bad Request", "InvalidPart"))):
        url = tus_create(client, len(CONTENT)).headers["Location"]
        with storage.answers(said, completes):
            reply = tus_patch(client, url, 0, CONTENT)
            same((reply.status, reply.error, "begin another" in reply.text, "HEAD" in reply.text), (409, "conflict", True, False),
                 f"{name} is 409, in words for who sends it", reply)
            same(tus_head(client, url).status, 404, f"{name}: HEAD says that it is gone, so clients begin anew")
            check(post_raw(client, CONTENT).stated_503(), f"{name}: POST /upload is 503, since it brings all bytes again")
        same(usage(user), before, f"{name} counts for nothing any more")
    url = tus_create(client, len(CONTENT)).headers["Location"]
    same(tus_patch(client, url, 0, CONTENT[:PART]).status, 204, "another upload has a part in the storage")
    with storage.answers(refusal("404 Not Found", "NoSuchUpload"), lambda asked: puts_part(asked) or completes(asked)):
        same(tus_patch(client, url, PART, CONTENT[PART:]).status, 409, "that it is gone is told with the next part as well")
    same(post_raw(client, CONTENT).status, 201, "then all goes well again")

    def done_but_lost(asked):
        asked.real()
        return RESET

    with storage.answers(done_but_lost, completes, times=1):
        made = post_raw(client, CONTENT)
        same((made.status, kept(client, made)), (201, True),
             "an upload whose completion was carried out and not answered is whole")


def shut_out(client, storage):
    small = CONTENT[:1000]
    url = tus_create(client, len(small)).headers["Location"]
    for name, said in (("403", refusal("403 Forbidden", "SignatureDoesNotMatch")),
                       ("301", refusal("301 Moved Permanently", "PermanentRedirect", "", [("x-amz-bucket-region", "eu-west-1")])),
                       ("400 with a region", refusal("400 Bad Request", "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")),
                       ("a clock that is three days off", refusal("403 Forbidden", "RequestTimeTooSkewed", "",
                                                                  [("Date", "Thu, 01 Jan 2015 00:00:00 GMT")]))):
        with storage.answers(said):
            reply = post_raw(client, small)
            check(reply.stated_503() and int(reply.headers.get("Retry-After", 0)) > 1, f"{name}: an upload is 503, and not again at once", reply)
            if name == "403":
                check(tus_patch(client, url, 0, small).stated_503(), f"{name}: one by tus is 503")
            same(tus_head(client, url).status, 423, f"{name}: its HEAD is no error after which clients begin anew")
    same((tus_head(client, url).status, client.get(file_url(url)).body == small), (200, True), "once it is over, HEAD ends the upload")
    with storage.answers(answer("200 OK", "<html>log in</html>"), lambda asked: asked.method == "POST"):
        check(post_raw(client, CONTENT).stated_503(), "a page of a proxy's in place of S3's answer: an upload is 503")
    log = "".join(path.read_text(errors="replace") for path in (SCRATCH / "log").glob("pool-*"))
    check("the bucket is in eu-west-1; see s3_region and s3_endpoint" in log, "the log says which region it is, and which setting")


def swept():
    psql("UPDATE mayfly.file SET sweep_at = now() WHERE state = 'deleting' AND sweep_at > now()")
    return mayflyctl("sweep").returncode


def without_lists(client, storage):
    for name, said in (("501", refusal("501 Not Implemented", "NotImplemented")), ("405", refusal("405 Method Not Allowed", "MethodNotAllowed")),
                       ("a policy against it", refusal("403 Forbidden", "AccessDenied"))):
        if name == "a policy against it":  # then it can be given up, but not be found
            refused = lambda asked: lists(asked) and asked.method == "GET"
        else:
            refused = lists
        with storage.answers(said, refused):
            made = post_raw(client, CONTENT).json()
            open_one = tus_create(client, 2 * PART).headers["Location"]
            same(tus_patch(client, open_one, 0, CONTENT).status, 204, f"{name}: an upload is under way")
            same((client.delete(made["url"]).status, client.delete(open_one, headers={"Tus-Resumable": "1.0.0"}).status), (204, 204),
                 f"{name}: both are deleted")
            same((swept(), [key for key in s3.keys() if made["id"] in key]), (0, []), f"{name}: the sweep removes the object all the same")
            ran = mayflyctl("fsck")
            check(" looked at" in ran.stderr and made["id"] not in ran.stdout and "S3 answers" not in ran.stderr,
                  f"{name}: fsck compares what it is told, to the end", ran)
            check("s3 does not list unfinished uploads" in ran.stderr and "what it has" not in ran.stderr,
                  f"{name}: and says what it was not told", ran)
    check("does not list" not in mayflyctl("fsck").stderr, "where all is listed, it says nothing of that kind")


def without_keys(client, storage):
    """Not even the objects are listed: files are looked for one by one."""
    for name, said in (("501", refusal("501 Not Implemented", "NotImplemented")), ("a policy against it", refusal("403 Forbidden", "AccessDenied"))):
        with storage.answers(said, lambda asked: lists(asked) or "list-type" in asked.query):
            there, lost = (post_raw(client, CONTENT[:1000], name="a.bin").json() for _ in range(2))
            s3.ask("DELETE", f"/uploads/{lost['id']}/a.bin")
            ran = mayflyctl("fsck")
            same((ran.returncode, "lost s3 uploads/" + lost["id"] in ran.stdout, there["id"] in ran.stdout), (1, True, False),
                 f"{name} to a list of all keys: fsck finds what is lost", ran)
            check("s3 does not list what it has" in ran.stderr, f"{name}: and says what it was not told", ran)
            same([client.delete(one["url"]).status for one in (there, lost)], [204, 204], f"{name}: both are deleted")
            same(swept(), 0, f"{name}: a sweep needs no list")
        same([key for key in s3.keys() if there["id"] in key], [], f"{name}: and has removed what was there")


# --- direct uploads


def begin(client, content):
    plan = client.post("/files/direct", json={"name": "direct", "size": len(content)}).json()
    told = []
    for put in plan["put"]:
        place = urllib.parse.urlsplit(put["url"])
        reply = Client(url=f"{place.scheme}://{place.netloc}").put(f"{place.path}?{place.query}",
                                                                 body=content[put["offset"]:put["offset"] + put["size"]])
        told.append({"part": put["part"], "etag": reply.headers["ETag"]})
    return plan["url"], told


def complete(client, url):
    while (reply := client.post(f"{url}/complete")).status == 202:
        pass
    return reply


def direct(client, storage):
    stranger = signed_in()[1]
    url, told = begin(client, CONTENT)
    same([stranger.post(f"{url}/parts", json={"parts": told}).status, Client().post(f"{url}/parts", json={"parts": told}).status],
         [404, 401], "the parts of another's upload are not there to be told of")
    for wrong in ({}, {"parts": []}, {"parts": "x"}, {"parts": [1]}, {"parts": [{"part": 1}]}, {"parts": [{"part": 0, "etag": "a"}]},
                  {"parts": [{"part": 3, "etag": "a"}]}, {"parts": [{"part": "1", "etag": "a"}]}, {"parts": [{"part": 1, "etag": ""}]},
                  {"parts": [{"part": 1, "etag": 'a","b'}]}, {"parts": [{"part": 1, "etag": "a" * 200}]}):
        reply = client.post(f"{url}/parts", json=wrong)
        same((reply.status, reply.body and reply.json().get("field")), (422, "parts"), f"{str(wrong)[:50]} is refused", reply)
    same([client.post(f"{url}/parts", json={"parts": some}).status for some in (told[:1], told, told[1:] + told[1:])], [204] * 3,
         "what the storage said of the parts is told, as often as one likes")
    storage.asked.clear()
    made = complete(client, url)
    same((made.status, client.get(url).body == CONTENT), (201, True), "they are a file", made)
    place = url.rpartition("/")[2]
    same([asked.target for asked in storage.asked if place in asked.path and asked.method == "GET" and "uploadId" in asked.query], [],
         "and the storage was not asked for its parts")
    same(client.post(f"{url}/parts", json={"parts": told}).status, 409, "of a file no parts can be told")

    url, told = begin(client, CONTENT)
    same(client.post(f"{url}/parts", json={"parts": [{**one, "etag": "0" * 32} for one in told]}).status, 204, "wrong ones are told")
    same(complete(client, url).status, 201, "what the storage itself tells counts more")

    with storage.answers(refusal("501 Not Implemented", "NotImplemented"), lists):
        url, told = begin(client, CONTENT)
        reply = complete(client, url)
        same((reply.status, "/parts" in reply.text), (409, True), "where the storage does not tell, complete says what to do", reply)
        client.post(f"{url}/parts", json={"parts": [{**one, "etag": "0" * 32} for one in told]})
        same(complete(client, url).status, 409, "wrong ETags are 409")
        client.post(f"{url}/parts", json={"parts": told})
        same((complete(client, url).status, client.get(url).body == CONTENT), (201, True), "the right ones are a file")


def main():
    with s3_wrong.between(s3_retries=1, s3_timeout_ms=5000, s3_retry_ms=0, s3_part_bytes=PART, sweep_again_s=1) as storage:
        user, client = signed_in()
        tags(client, storage)
        gone(user, client, storage)
        shut_out(client, storage)
        without_lists(client, storage)
        without_keys(client, storage)
        direct(client, storage)
    done()


main()
