#!/usr/bin/python3
"""Ten uploads at once at the quota's edge: exactly as many succeed as fit, whatever way they come, and none is over it."""

import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import at_once
from files import (TUS, file_url, noise, part, post_form, post_raw, rows, tus_create, tus_offset, tus_patch, usage)
from mayfly import Client, check, dev, done, note, psql, same, settings, signed_in

AT_ONCE = 10
FIT = 4
SIZE = 700_001  # three blocks, the last one not full
CONTENT = noise(SIZE)
QUOTAS = (FIT * SIZE, (FIT + 1) * SIZE - 1, FIT * SIZE + SIZE // 2)


def quota_left(answer):
    return answer.status == 413 and answer.error == "too_large" and "more bytes" in answer.json()["detail"]


def raw(client, number):
    return post_raw(client, CONTENT, f"raw {number}")


def in_a_form(client, number):
    return post_form(client, part("file", CONTENT, f"form {number}"))


def by_tus(client, number):
    """The length is promised at the creation, so that is where it is refused."""
    answer = tus_create(client, SIZE)
    if answer.status != 201:
        return answer
    url = answer.headers["Location"]
    for at in range(0, SIZE, 300_000):
        answer = tus_patch(client, url, at, CONTENT[at:at + 300_000])
        if answer.status != 204:
            return answer
    answer.status = 201
    answer.headers["location"] = file_url(url)
    return answer


def with_bytes(client, number):
    answer = tus_create(client, SIZE, body=CONTENT)
    if answer.status == 201:
        answer.headers["location"] = file_url(answer.headers["Location"])
    return answer


def mixed(client, number):
    return WAYS[number % 4](client, number)


WAYS = [raw, in_a_form, by_tus, with_bytes, mixed]


def counted_right(user, promise):
    sizes = psql(f"SELECT coalesce(sum(reserved), 0), count(*) FROM mayfly.file WHERE account_id = '{user.id}' AND state <> 'deleting'")
    return same(usage(user), tuple(int(word) for word in sizes.split("|")), promise)


def change(name, value):
    """For the workers from now on; main sets both back. Each change replaces every worker, so what can share one does."""
    dev("config", name, value)


def edge(way, quota):
    name = way.__name__.replace("_", " ")
    user, client = signed_in()
    answers = at_once(AT_ONCE, lambda index: way(Client(client.token), index))
    statuses = Counter(answer.status for answer in answers)
    same(statuses, {201: FIT, 413: AT_ONCE - FIT}, f"{name}, {quota} bytes: exactly {FIT} of {AT_ONCE} fit",
         *[answer for answer in answers if answer.status not in (201, 413)])
    check(all(quota_left(answer) for answer in answers if answer.status == 413), f"{name}: the others are told what is left")
    good = [answer for answer in answers if answer.status == 201]
    check(all(client.get(answer.headers["location"]).body == CONTENT for answer in good), f"{name}: those are whole")
    counted_right(user, f"{name}: what is counted is what is there")
    same(usage(user), (FIT * SIZE, FIT), f"{name}: nothing is over the quota, and nothing left of those that were refused")
    for number in range(4 if way is mixed else 1):
        check(quota_left(way(client, number)), f"{name}: one more is refused")
    same(client.delete(good[0].headers["location"]).status, 204, f"{name}: one is deleted")
    same(way(client, 0).status, 201, f"{name}: then one more fits")
    same(usage(user), (FIT * SIZE, FIT), f"{name}: and it is full again")
    for one in client.get("/files?limit=100").json()["files"]:
        client.delete(one["url"])
    same(usage(user), (0, 0), f"{name}: after all are deleted all room is back")


def repeated_at_the_edge():
    """What a request itself has taken is no reason to refuse its repetition."""
    change("files_max_bytes", SIZE + 1000)
    for way in (post_raw, lambda client, content, name, **headers:
                post_form(client, part("a", content, name), part("b", b"small", "b"), **headers)):
        user, client = signed_in()
        first, again, other_body = [way(client, content, "same", **{"Idempotency-Key": "same"})
                                    for content in (CONTENT, CONTENT, noise(SIZE, 2))]
        counted = usage(user)
        same((first.status, again.status, again.headers.get("idempotent-replayed"), again.body),
             (201, 201, "true", first.body), "a request that filled the quota is answered again", first, again)
        same((other_body.status, usage(user), rows(user)), (422, counted, counted[1]), "its key with another body is refused as such",
             other_body)
        check(quota_left(way(client, CONTENT, "same", **{"Idempotency-Key": "other"})), "another request finds no room")
        counted_right(user, "and what is counted is what is there")

    # All at once, and room for one: whoever begins later takes it from one that has not committed.
    user, client = signed_in()
    change("files_max_bytes", SIZE + SIZE // 2)
    answers = at_once(AT_ONCE, lambda index: post_raw(Client(client.token), CONTENT, "same", **{"Idempotency-Key": "same"}))
    good = [answer.json()["id"] for answer in answers if answer.status == 201]
    check(len(set(good)) == 1 and {answer.status for answer in answers} <= {201, 409, 413, 423, 503},
          "ten times the same request where one fits is one file", Counter(answer.status for answer in answers))
    note(f"{Counter(answer.status for answer in answers)}")
    same((usage(user), rows(user)), ((SIZE, 1), 1), "and counts once")
    same(post_raw(client, CONTENT, "same", **{"Idempotency-Key": "same"}).json()["id"], good[0], "which is given again")


def without_lengths(quota):
    """Lengths that nobody promised: each takes what comes, and the sum still stays below."""
    user, client = signed_in()
    urls = [tus_create(client, Upload_Defer_Length="1").headers["Location"] for _ in range(AT_ONCE)]
    answers = at_once(AT_ONCE, lambda index: tus_patch(Client(client.token), urls[index], 0, CONTENT))
    counted_right(user, "without lengths: what is counted is what is there")
    check(usage(user)[0] <= quota, "without lengths nothing is over the quota", usage(user))
    check({answer.status for answer in answers} <= {204, 413} and any(answer.status == 413 for answer in answers),
          "without lengths those that find no room are 413", Counter(answer.status for answer in answers))
    there = {url: tus_offset(client, url) for url in urls}
    for url in urls:
        if there[url] < SIZE:
            same(client.delete(url, headers=TUS).status, 204, "one that found no room is given up")
    for url in urls:
        if there[url] == SIZE:
            same(tus_patch(client, url, SIZE, b"", Upload_Length=str(SIZE)).status, 204, "one that had room is complete")
    whole = [url for url in urls if there[url] == SIZE]
    same(usage(user), (len(whole) * SIZE, len(whole)), "and only those count")


def forms_of_two():
    """A form's files count together."""
    user, client = signed_in()
    answers = at_once(AT_ONCE, lambda index: post_form(Client(client.token), part("a", CONTENT, "a"), part("b", CONTENT, "b")))
    statuses = Counter(answer.status for answer in answers)
    check(set(statuses) == {201, 413} and 1 <= statuses[201] <= FIT // 2, "forms of two files come whole or not at all", statuses)
    same((usage(user), rows(user)), ((statuses[201] * 2 * SIZE, statuses[201] * 2), statuses[201] * 2), "and only those count")


def number_of_files():
    """With room for all bytes."""
    user, client = signed_in()
    change("files_max_count", FIT)
    answers = at_once(AT_ONCE, lambda index: post_raw(Client(client.token), b"small"))
    same(Counter(answer.status for answer in answers), {201: FIT, 413: AT_ONCE - FIT}, f"exactly {FIT} of {AT_ONCE} files")
    same(usage(user), (FIT * 5, FIT), "are counted")


def ten_times_the_same():
    """With room for all of them."""
    user, client = signed_in()
    answers = at_once(AT_ONCE, lambda index: post_raw(Client(client.token), CONTENT, "same", **{"Idempotency-Key": "same"}))
    good = [answer.json()["id"] for answer in answers if answer.status == 201]
    check(len(set(good)) == 1 and {answer.status for answer in answers} <= {201, 409, 503},
          "ten times the same request at once is one file", Counter(answer.status for answer in answers))
    same((usage(user), rows(user)), ((SIZE, 1), 1), "and counts once")


def main():
    began = time.monotonic()
    # Half a file more than fits, and once not a byte more.
    with settings(files_max_bytes=QUOTAS[0], files_max_count=100_000):
        for number, quota in enumerate(QUOTAS):
            if number > 0:
                change("files_max_bytes", quota)
            for way in WAYS:
                edge(way, quota)
        without_lengths(QUOTAS[-1])
        forms_of_two()
        repeated_at_the_edge()
        change("files_max_bytes", AT_ONCE * SIZE)
        ten_times_the_same()
        number_of_files()
    note(f"{time.monotonic() - began:.1f} s")
    done()


main()
