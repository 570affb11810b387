#!/usr/bin/python3
"""Thumbnails of one account and the others: whoever uploads the worst of images, ten at a time, costs others nothing."""

import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from zygotes import is_busy, zygotes
from chaos import nginx_limits, wait_until, workers
from images import frames, photograph, png, progressive
from mayfly import CHECKOUT, Client, check, dev, done, new_user, note, psql, same, settings, signed_in, try_login

MANY = 10
PAGE = int(re.search(r"FILE_PAGE_MAX = (\d+)", (CHECKOUT / "src/store/file.h").read_text())[1])


def upload(client, body):
    answer = client.post("/upload?name=a", body=body)
    if answer.status != 201:
        raise RuntimeError(f"/upload answers {answer}")
    return answer.json()["id"]


def thumbnail(client, file, size=256):
    return client.get(f"/files/{file}/thumbnail?size={size}")


def timed(work):
    began = time.monotonic()
    return work(), time.monotonic() - began


def ask(token, file, answers, size=256):
    client = Client(token, timeout=60)
    try:
        answers.append(thumbnail(client, file, size))
    except OSError as failure:
        answers.append(failure)


def all_at_once(client, files):
    answers = []
    threads = [threading.Thread(target=ask, args=(client.token, file, answers)) for file in files]
    for thread in threads:
        thread.start()
    return threads, answers


def claims(user):
    """How many of an account's thumbnails are being made."""
    return int(psql("SELECT count(*) FROM mayfly.file WHERE via = 'thumbnail' AND state = 'pending' AND claimed_type = '' AND "
                    f"lease_until > statement_timestamp() AND account_id = '{user.id}'"))


def beside(threads, hostile, honest, photographs):
    """What others see meanwhile: the slowest thumbnail, the slowest log-in, wrong answers, and the most claims of the hostile."""
    slowest = {"thumbnail": 0, "login": 0}
    wrong, most, turn = [], 0, 0
    while any(thread.is_alive() for thread in threads):
        answer, took = timed(lambda: thumbnail(honest, photographs[turn % len(photographs)], (64, 128, 256, 512, 1024)[turn // len(photographs)]))
        slowest["thumbnail"] = max(slowest["thumbnail"], took)
        wrong += [answer] if answer.status != 200 else []
        most = max(most, claims(hostile))
        answer, took = timed(lambda: try_login(visitor.username))
        slowest["login"] = max(slowest["login"], took)
        wrong += [answer] if answer.status != 200 else []
        turn = min(turn + 1, 5 * len(photographs) - 1)
    return slowest, wrong, most, turn


def in_a_crowd(what, bodies):
    """All of them at once, and what others see; with what the account is answered."""
    files = [upload(attacker, body) for body in bodies]
    threads, answers = all_at_once(attacker, files)
    slowest, wrong, most, count = beside(threads, hostile, honest, photographs[3:])
    same(wrong, [], f"{what}, {len(files)} at once: others get their thumbnails and log in")
    return answers, slowest, most, count


def refused_by_its_header():
    for what, body in (("1 x 7,500,000", png(1, 7_500_000)), ("7,500,000 x 1", png(7_500_000, 1))):
        answers, _, _, _ = in_a_crowd(f"PNGs of {what} pixels", [body] * MANY)
        same({getattr(one, "status", one) for one in answers}, {413}, "they are refused", *answers[:1])
        check(all(one.status == 413 and "rows or columns" in one.json()["detail"] for one in answers), "with a word on what to do", *answers[:1])


def costly():
    """What costs the most for each byte and pixel of all that is allowed."""
    alone, one_image = timed(lambda: thumbnail(attacker, upload(attacker, worst)))
    check(alone.status in (200, 422), "a most expensive image that is allowed", alone)
    note(f"it takes {one_image:.2f} s, {one_image / idle:.1f} times a photograph")
    for what, body in (("the worst PNG", worst), ("GIFs of 100,000 frames", frames(100_000)), ("progressive JPEGs", progressive(6900))):
        answers, slowest, most, count = in_a_crowd(what, [body] * MANY)
        note(f"{what}: {count} thumbnails and log-ins of others meanwhile, the slowest {slowest['thumbnail']:.2f} s and "
             f"{slowest['login']:.2f} s; at most {most} of the account's were made at once")
        check(most <= 1, "one of the account's is made at a time", most)
        check(slowest["thumbnail"] < 1.5 * one_image + 3 * idle, "others wait for no more than one such image", slowest, one_image)
        check(slowest["login"] < one_image + 3 * idle, "nor do log-ins", slowest, one_image)
        check({getattr(one, "status", 0) for one in answers} <= {200, 422, 429}, "whoever asked for them is answered, too",
              *[one for one in answers if getattr(one, "status", 0) not in (200, 422, 429)])


def a_page():
    """As many requests at once as HTTP/2 makes for a page of images."""
    _, collector = signed_in()
    files = [upload(collector, png(16, 16 + index)) for index in range(PAGE)]
    with nginx_limits():
        threads, answers = all_at_once(collector, files)
        for thread in threads:
            thread.join()
    same(Counter(getattr(one, "status", str(one)) for one in answers), {200: PAGE}, f"all {PAGE} thumbnails of a page are made")


def spent(user):
    """Milliseconds of computing time that the account has spent."""
    return int(psql(f"SELECT mayfly.thumbnail_spent(spent_ms, at) FROM mayfly.thumbnail_budget WHERE account_id = '{user.id}'") or 0)


def decoding():
    """Whether some child has an image just now."""
    return any(map(is_busy, zygotes("mayfly-thumbnail")))


def computing_time():
    files = [upload(attacker, worst) for _ in range(3)]
    answers = [thumbnail(attacker, file) for file in files]
    last = answers[-1]
    same((last.status, last.error), (429, "too_many_requests"), "an account that has spent its computing time is refused", last)
    check(1 <= int(last.headers.get("retry-after", 0)) <= 600, "and hears when to come again", last.headers)
    other = signed_in()[1]
    same(thumbnail(other, upload(other, picture)).status, 200, "nobody else is")
    third, hurried = signed_in()
    connection = hurried.connect()
    connection.request("GET", f"/files/{upload(hurried, worst)}/thumbnail", headers={"Authorization": f"Bearer {hurried.token}"})
    check(wait_until(20, decoding) and spent(third) == 0, "one more is decoded")
    connection.close()
    check(wait_until(10, lambda: spent(third) > 0), "who goes away before the end has spent it as well")
    psql(f"UPDATE mayfly.thumbnail_budget SET at = at - interval '1 day' WHERE account_id = '{hostile.id}'")
    check(thumbnail(attacker, files[-1]).status in (200, 422), "later it is made")


hostile, attacker = signed_in()
_, honest = signed_in()
visitor = new_user()
worst = png(7000, 7000, depth=16, channels=4, filtered=4)
with settings(thumbnail_account_cpu_s=1000, thumbnail_account_at_once=1):
    picture = photograph(1)
    photographs = [upload(honest, photograph(seed)) for seed in range(12)]
    idle = max(timed(lambda file=file: thumbnail(honest, file))[1] for file in photographs[:3])
    note(f"a photograph takes {idle:.2f} s on an idle machine")
    refused_by_its_header()
    costly()
    dev("config", "thumbnail_account_at_once", 4)
    a_page()
    dev("config", "thumbnail_account_cpu_s", 1)
    computing_time()
done()
