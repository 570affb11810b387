#!/usr/bin/python3
"""A use of a link is one transfer of one client: no other client gets a byte, and a preview counts as no use."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from mayfly import DEV, PAGE, PASSWORD, SCRATCH, Client, check, done, psql, same, settings, signed_in

user, client = signed_in()
body = os.urandom(100_000)
file = client.post("/upload?name=plans.bin", body=body).json()["id"]
guest, stranger = Client(), Client(source="127.0.0.2")
ELSEWHERE = "00000000-0000-0000-0000-000000000000"


def make(uses=1, of=file, owner=client):
    return owner.post(f"/files/{of}/link", json={"uses": uses}).json()["url"]


def left(owner=client, of=file):
    """Of the newest link."""
    return owner.get(f"/files/{of}/links").json()["links"][0]["uses_left"]


def part(who, url, first, last=""):
    answer = who.get(url, headers={"Range": f"bytes={first}-{last}"})
    return answer.status if answer.status != 206 or answer.body == body[first:last + 1 if last != "" else None] else answer.body[:40]


# --- whose use it is

url = make()
same(guest.get(url).body == body, True, "whoever comes first gets the file")
same([part(stranger, url, 1), part(stranger, url, 50_000, 50_009), stranger.request("HEAD", url).status, stranger.get(url).status],
     [404] * 4, "a stranger gets nothing of it any more: no part, no head")
same([part(guest, url, 90_000), guest.request("HEAD", url).status, part(guest, url, 0)], [206, 200, 404],
     "who used it may go on, and not begin again")
same([part(guest, url, 1) for _ in range(4)], [206, 206, 404, 404], "until four times its bytes were asked for")
psql("UPDATE mayfly.file_link_use SET until = statement_timestamp()")
url = make(2)
same([part(guest, url, 90_000), left(), part(stranger, url, 90_000), left(), part(guest, url, 95_000), part(stranger, url, 95_000), left()],
     [206, 1, 206, 0, 206, 206, 0], "each of two has a use of his own")
psql("UPDATE mayfly.file_link_use SET until = statement_timestamp()")
same([part(guest, url, 95_000), part(stranger, url, 95_000)], [404, 404], "for a time")
url = make(3)
ranges = [(0, 1), (2, 99), (100, 999), (1000, 49_999), (50_000, 99_999)]
with ThreadPoolExecutor(5) as pool:
    same(guest.get(url, headers={"Range": "bytes=0-1"}).status, 206, "a player looks at the beginning")
    same(list(pool.map(lambda one: part(Client(), url, *one), ranges[1:])), [206] * 4, "and asks for the rest in pieces at once")
same(left(), 2, "which is one use")

# --- by a page

url = make()
for what, headers in (
    ("a browser", {"Accept": PAGE}),
    ("a browser that looks ahead", {"Accept": PAGE, "Sec-Purpose": "prefetch;prerender"}),
    ("one that writes types as it likes", {"Accept": "Text/HTML, */*;q=0.1"}),
    ("a prefetch", {"Sec-Purpose": "prefetch"}),
    ("an older one", {"Purpose": "prefetch"}),
    ("Slack", {"Accept": "*/*", "User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}),
    ("WhatsApp", {"User-Agent": "WhatsApp/2.23.20.0"}),
    ("Facebook", {"User-Agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"}),
    ("Skype", {"User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"}),
):
    answer = guest.get(url, headers=headers)
    same((answer.status, answer.headers.get("content-type"), '<form method="post">' in answer.text, body[:20] in answer.body, left()),
         (200, "text/html; charset=utf-8", True, False, 1), f"{what} gets a page with a button, and uses nothing", answer)
same((answer.headers.get("vary"), answer.headers.get("cache-control"), answer.headers.get("referrer-policy"), "plans.bin" in answer.text),
     ("Accept", "no-store", "no-referrer", True), "the page is kept nowhere, and names the file", answer)
same((guest.request("HEAD", url, headers={"Accept": "*/*"}).status, left()), (200, 1), "HEAD uses nothing")
answer = stranger.post(url, headers={"Accept": PAGE, "Sec-Fetch-Site": "same-origin"})
ticket = answer.headers.get("location", "")
same((answer.status, bool(re.fullmatch(re.escape(url) + r"\?use=[\w-]{43}", ticket)), left()), (303, True, 0), "the button uses it", answer)
answer = stranger.get(ticket, headers={"Accept": PAGE})
same((answer.status, answer.body == body, answer.headers.get("content-disposition")), (200, True, 'attachment; filename="plans.bin"'),
     "and leads to the file", answer.headers)
same([part(guest, ticket, 0, 9), part(stranger, ticket, 0), part(guest, ticket, 99_000)], [206] * 3, "which may begin anew, from any address")
same([guest.get(url).status, guest.get(url, headers={"Accept": PAGE}).status, guest.post(url).status, part(stranger, url, 1)], [404] * 4,
     "without the ticket there is nothing")
same([guest.get(ticket[:-2] + "xx").status, part(guest, f"{url}?use=", 1), guest.get(f"{make()}?{ticket.partition('?')[2]}").status],
     [404] * 3, "nor with another, nor by it at another link")
same([part(guest, ticket, 1), part(guest, ticket, 0), part(guest, ticket, 0)], [206, 404, 404], "and it is good for four times its bytes")
url = make(5)
same([guest.get(url, headers={"Accept": accept}).body == body for accept in ("*/*", "application/octet-stream", "image/*")], [True] * 3,
     "a program gets the bytes at once")
headers = {"Idempotency-Key": "once"}
same((guest.post(url, headers=headers).headers["location"] == guest.post(url, headers=headers).headers["location"], left()), (True, 1),
     "a button that is pressed under one key is pressed once")
url = client.post(f"/files/{file}/link", json={}).json()["url"]
same([guest.get(url, headers={"Accept": PAGE}).body == body, guest.get(url, headers={"User-Agent": "Slackbot"}).body == body], [True, True],
     "a link for any number is the file, for everybody")
same(guest.post(url).headers.get("location"), url, "and its button leads there")

# --- addresses from elsewhere

# What chats, mailings and other sites put behind an address that they pass on.
odd = ("utm_source=a&utm_source=b", "discount=100%", "name=%E9", "fbclid=x&%=1&&%00", "&".join(f"f{n}={n}" for n in range(300)))
same([guest.get(f"{url}?{query}").body == body for query in odd], [True] * len(odd), "a link is one whatever others put behind it")
url = make()
same([(guest.get(f"{url}?{query}", headers={"Accept": PAGE}).status, left()) for query in odd], [(200, 1)] * len(odd), "so is one that is counted")
ticket = guest.post(f"{url}?{odd[0]}", headers={"Accept": PAGE}).headers.get("location", "")
same((re.fullmatch(re.escape(url) + r"\?use=[\w-]{43}", ticket) is not None, stranger.get(f"{ticket}&{odd[0]}").body == body, left()), (True, True, 0),
     "its button works, and so does the ticket", ticket)
same([guest.get(f"{ticket}&{ticket.partition('?')[2]}").status, guest.get(f"{url}?use=%").status], [400, 400], "what is no ticket is told as that")

# --- a storage that fails

url = make()
psql(f"UPDATE mayfly.file_chunk SET at = at + 1000000 WHERE file_id = '{file}'")
answers = [guest.get(url).status, part(guest, url, 5), left()]
psql(f"UPDATE mayfly.file_chunk SET at = at - 1000000 WHERE file_id = '{file}'")
check(answers[0] >= 400 and answers[1] >= 400 and answers[2] == 1, "what the storage can't give uses nothing", answers)
psql(f"UPDATE mayfly.file_chunk SET file_id = '{ELSEWHERE}' WHERE file_id = '{file}'")
answer = guest.post(url, headers={"Accept": PAGE})
psql(f"UPDATE mayfly.file_chunk SET file_id = '{file}' WHERE file_id = '{ELSEWHERE}'")
same((answer.status, left()), (500, 1), "neither does the button", answer)
same((guest.get(url).body == body, left()), (True, 0), "and is there when it can again")

# --- an account that is disabled, and one that is closed

other, owner = signed_in()
theirs = owner.post("/upload", body=b"theirs").json()["id"]
links = [make(9, theirs, owner), owner.post(f"/files/{theirs}/link", json={}).json()["url"]]
asked = [(method, link) for link in links for method in ("GET", "HEAD", "POST")]
same({guest.request(method, link).status for method, link in asked}, {200, 303}, "while the account is good its links are")
ticket = guest.post(links[0]).headers["location"]
psql(f"UPDATE mayfly.account SET disabled = true WHERE id = '{other.id}'")
same({guest.request(method, link).status for method, link in [*asked, ("GET", ticket)]}, {404}, "a disabled account's links open nothing")
psql(f"UPDATE mayfly.account SET disabled = false WHERE id = '{other.id}'")
same([guest.get(link).body for link in (*links, ticket)], [b"theirs"] * 3, "until it is enabled again")
same(owner.delete("/profile", json={"password": PASSWORD}).status, 204, "an account is closed")
same({guest.request(method, link).status for method, link in [*asked, ("GET", ticket)]}, {404}, "and its links open nothing")

# --- a hundred links

for _ in range(100 - len(client.get(f"/files/{file}/links").json()["links"]) - 5):
    make()
with ThreadPoolExecutor(20) as pool:
    statuses = list(pool.map(lambda _: Client(client.token).post(f"/files/{file}/link", json={}).status, range(20)))
same((sorted(statuses), len(client.get(f"/files/{file}/links").json()["links"])), ([201] * 5 + [409] * 15, 100),
     "of twenty at once five are made: a file has a hundred links at most")

# --- and one that nobody else sees yet is one of them

psql(f"DELETE FROM mayfly.file_link WHERE id = (SELECT id FROM mayfly.file_link WHERE file_id = '{file}' LIMIT 1)")
shell = subprocess.Popen([DEV, "psql", "-Atq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "MAYFLY_SCRATCH": str(SCRATCH)})
shell.stdin.write("BEGIN; SELECT 'made' FROM mayfly.file_link_make(gen_random_uuid(), "
                  f"'{file}', '{user.id}', sha256('a'), sha256('b'), 60, NULL, 100) AS made WHERE made IS NOT NULL;\n")
shell.stdin.flush()
same(shell.stdout.readline().strip(), "made", "the hundredth is made, and not committed")
with settings(database_lock_ms=4000, database_budget_ms=6000, database_timeout_ms=8000), ThreadPoolExecutor(1) as pool:
    late = pool.submit(lambda: client.post(f"/files/{file}/link", json={}).status)
    wait_until(20, lambda: late.done() or psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'file_link_make'") != "0")
    shell.communicate("COMMIT;\n", timeout=30)
same((late.result(), psql(f"SELECT count(*) FROM mayfly.file_link WHERE file_id = '{file}'")), (409, "100"), "the next one waits for it, and is refused")
done()
