#!/usr/bin/python3
"""
How long nginx holds a connection that it counts for nobody: one whose head does not come, or whose refused body does not end. On
every port of the shipped sites that is 10 s, whatever trickles in; here they are made 2 s. Silent and idle ones cost nobody a
place, and people are served beside a thousand of the others.
"""

import contextlib
import re
import resource
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import wait_until
from mayfly import CHECKOUT, SCRATCH, check, done, new_user, same, signed_in, try_login
from nginx import free_ports, take_files

HOST = "example.org"
SHIPPED_S, HERE_S = 10, 2
# nginx rounds lingering_time up to whole seconds, and a busy machine takes its time; 60 s and 30 s are nginx's own.
AT_MOST_S = 3 * HERE_S + 4
HELD = 1000  # on the stack's own nginx
FEW = 256  # connections of the other one
HALF = f"GET /static/mayfly.css HTTP/1.1\r\nHost: {HOST}\r\nX-Half: ".encode()
REFUSED = f"POST /nothing HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n".encode()
WHOLE = f"GET /static/mayfly.css HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def shorter(text):
    return re.sub(rf"(\b(?:client_header_timeout|lingering_time) +){SHIPPED_S}s;", rf"\g<1>{HERE_S}s;", text)


@contextlib.contextmanager
def nginx(folder, site, plain, secure, connections=512):
    """A shipped site with the stack's pools; the deadlines are shorter, everything else is as it is shipped."""
    folder.mkdir(parents=True)
    take_files(folder)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}", "-keyout",
                    folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    text = (CHECKOUT / "nginx" / site).read_text()
    for pattern, put in ((r"(?m)^ *listen \[::\].*\n", ""), (r"listen 80\b", f"listen 127.0.0.1:{plain}"),
                         (r"listen 443\b", f"listen 127.0.0.1:{secure}"), (r"/var/log/nginx/", f"{folder}/"),
                         (rf"/etc/ssl/{HOST}/fullchain.pem", f"{folder}/cert.pem"), (rf"/etc/ssl/{HOST}/privkey.pem", f"{folder}/key.pem")):
        text = re.sub(pattern, put, text)
    locations = folder / "snippets/mayfly-locations.conf"
    locations.write_text(shorter(locations.read_text()))
    # What edge.conf says is for a server without mayfly.conf.
    confs = ("mayfly-limits",) if site == "edge.conf" else ("mayfly", "mayfly-host", "mayfly-limits")
    (folder / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
        events {{ worker_connections {connections}; }}
        http {{
            {"".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))}
            {"".join(f"include conf.d/{name}.conf;" for name in confs)}
            {shorter(text)}
        }}""")
    with open(folder / "said", "wb") as said:
        process = subprocess.Popen(["/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"], stderr=said)
    try:
        if not wait_until(10, lambda: (folder / "pid").exists() and (folder / "pid").read_text() != ""):
            raise RuntimeError((folder / "error.log").read_text())
        same((folder / "said").read_text(), "", f"nginx has nothing to say against {site}")
        yield
    finally:
        process.terminate()
        process.wait()


def connect(port, secure, protocol="http/1.1", source="127.0.0.1"):
    one = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
    if not secure:
        return one
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context.wrap_socket(one, server_hostname=HOST)


def held_for(begin, first, drip):
    """Seconds until nginx ends this connection, on which a byte comes every 0.2 s if at all."""
    one = begin()
    began = time.monotonic()
    one.sendall(first)
    one.settimeout(0.2)
    while time.monotonic() < began + AT_MOST_S + 1:
        try:
            if drip:
                one.sendall(b"y")
            if one.recv(65536) == b"":
                break
        except socket.timeout:
            continue
        except OSError:
            break
    one.close()
    return time.monotonic() - began


def all_ways(site, plain, secure):
    ways = {
        "silence": (lambda: connect(plain, False), b"", False),
        "half a head": (lambda: connect(plain, False), HALF, False),
        "half a head that trickles on": (lambda: connect(plain, False), HALF, True),
        "TLS that is not begun": (lambda: connect(secure, False), b"", False),
        "silence in TLS": (lambda: connect(secure, True), b"", False),
        "half a head in TLS": (lambda: connect(secure, True), HALF, True),
        "HTTP/2 without a word": (lambda: connect(secure, True, "h2"), b"", False),
        "a second head of which half comes": (lambda: connect(secure, True), WHOLE + HALF, True),
        "a refused body that trickles": (lambda: connect(secure, True), REFUSED, True),
        "the same where all is elsewhere": (lambda: connect(plain, False), REFUSED, True),
    }
    took = {}

    def try_one(name):
        took[name] = held_for(*ways[name])

    threads = [threading.Thread(target=try_one, args=(name,)) for name in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same({name: round(seconds) for name, seconds in took.items() if seconds > AT_MOST_S}, {}, f"{site}: all that is half is ended in time",
         f"{ {name: round(seconds, 1) for name, seconds in took.items()} }")


def few_connections(port):
    """What is silent or idle gives way when connections run out; what is half there does not, until its time is over."""
    idle = []
    for number in range(2 * FEW):
        one = connect(port, False)
        one.sendall(WHOLE if number % 2 else b"")
        idle.append(one)
    began = time.monotonic()
    one = connect(port, False)
    one.sendall(WHOLE)
    answer = one.recv(65536)
    check(answer.startswith(b"HTTP/1.1 301 ") and time.monotonic() - began < 1, f"beside {2 * FEW} silent and idle ones of {FEW} somebody is served at once",
          answer[:100], time.monotonic() - began)
    for one in idle:
        one.close()


def a_thousand_halves():
    """On the stack's own nginx, with worker_connections as shipped, from one address."""
    client, somebody = signed_in()[1], new_user()
    place = mayfly.Client()
    held = []
    for number in range(HELD):
        one = socket.create_connection((place.host, place.port), timeout=20, source_address=(f"127.9.9.{number % 4 + 1}", 0))
        one.sendall(HALF)
        held.append(one)
    took, answers = [], []
    for ask in [lambda: client.get("/profile"), lambda: try_login(somebody.username), lambda: client.get("/files")] * 5:
        began = time.monotonic()
        answers.append(ask().status)
        took.append(time.monotonic() - began)
    same(answers, [200] * 15, f"beside {HELD} half-sent heads a session, a log-in and files are answered")
    check(max(took) < 2, "at once", took)
    for one in held:
        one.close()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    folder = SCRATCH / "tmp" / f"held-{secrets.token_hex(4)}"
    for site in ("site.conf", "edge.conf"):
        plain, secure = free_ports(2)
        with nginx(folder / site, site, plain, secure):
            all_ways(site, plain, secure)
    plain, secure = free_ports(2)
    with nginx(folder / "few", "site.conf", plain, secure, connections=FEW):
        few_connections(plain)
    shutil.rmtree(folder)
    a_thousand_halves()
    model = (CHECKOUT / "doc/threat-model.md").read_text()
    stated = {name: re.findall(rf"^\s*{name} +(\d+)s;", "".join((CHECKOUT / "nginx" / site).read_text() for site in
              ("site.conf", "edge.conf", "behind-edge.conf", "mayfly-locations.conf")), re.M) for name in ("client_header_timeout", "lingering_time")}
    same({name: set(times) for name, times in stated.items()}, dict.fromkeys(stated, {str(SHIPPED_S)}), "the shipped files say so everywhere")
    check(re.search(rf"client_header_timeout and\s+lingering_time, {SHIPPED_S} s", model), "and the threat model does")
    done()


main()
