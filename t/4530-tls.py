#!/usr/bin/python3
"""The site of nginx/site.conf, whatever the http block around it says: TLS with forward secrecy only, and on every answer the
headers that keep a browser to it."""

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST
from mayfly import PAGE, SCRATCH, Headers, check, done, same, signed_in
from nginx import free_ports, take_files

HOST = "example.org"
FOLDER = SCRATCH / "tmp/tls"
# The worst that a distribution or a neighbour may have written. Each site that says nothing has it: `lax` below proves that.
HOSTILE = """
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_ciphers ALL:!aNULL:@SECLEVEL=0;
    ssl_conf_command MinProtocol TLSv1;
    ssl_session_tickets on;
    server_tokens on;
"""


def write(plain, secure, lax):
    """The shipped files with the stack's sockets, but for those of files, which lead nowhere."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    take_files(FOLDER)
    host = FOLDER / "conf.d/mayfly-host.conf"
    host.write_text(host.read_text().replace("/files-a/", "/nowhere-a/").replace("/files-b/", "/nowhere-b/"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}", "-keyout",
                    FOLDER / "key.pem", "-out", FOLDER / "cert.pem"], check=True, capture_output=True)
    site = (INST / "share/mayfly/nginx/site.conf").read_text()  # as this nginx wants it
    site = re.sub(r"^ *listen \[::\].*\n", "", site, flags=re.M)
    site = re.sub(r"listen 80\b", f"listen 127.0.0.1:{plain}", re.sub(r"listen 443\b", f"listen 127.0.0.1:{secure}", site))
    site = site.replace(f"/etc/ssl/{HOST}/fullchain.pem", f"{FOLDER}/cert.pem").replace(f"/etc/ssl/{HOST}/privkey.pem", f"{FOLDER}/key.pem")
    site = site.replace("/var/log/nginx/mayfly.log", f"{FOLDER}/site.log")
    (FOLDER / "site.conf").write_text(site)
    (FOLDER / "nginx.conf").write_text(f"""
daemon off;
worker_processes 1;
pid {FOLDER}/nginx.pid;
error_log {FOLDER}/error.log;
include main.d/*.conf;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    access_log {FOLDER}/other.log;
    {"".join(f"{kind}_temp_path {FOLDER}/{kind};" for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))}
{HOSTILE}
    include conf.d/*.conf;
    include site.conf;
    server {{
        listen 127.0.0.1:{lax} ssl;
        ssl_certificate {FOLDER}/cert.pem;
        ssl_certificate_key {FOLDER}/key.pem;
        return 200;
    }}
}}
""")


def start(port):
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-e", FOLDER / "error.log", "-c", FOLDER / "nginx.conf"], stdin=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while time.monotonic() < until and nginx.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return nginx
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nginx does not start: {(FOLDER / 'error.log').read_text()}")


def context(least=ssl.TLSVersion.TLSv1, most=ssl.TLSVersion.TLSv1_3, ciphers="ALL:@SECLEVEL=0", protocols=()):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.set_alpn_protocols(protocols)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers(ciphers)
    made.minimum_version, made.maximum_version = least, most
    return made


def shake(port, name=HOST, **how):
    """(protocol, cipher, whether a ticket came), or None when the server refuses."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, \
             context(**how).wrap_socket(plain, server_hostname=name) as secure:
            return secure.version(), secure.cipher()[0], secure.session.has_ticket
    except (ssl.SSLError, ConnectionResetError):
        return None


def protocol(port):
    """What is spoken with who speaks both HTTP/2 and HTTP/1.1."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, \
         context(protocols=["h2", "http/1.1"]).wrap_socket(plain, server_hostname=HOST) as secure:
        return secure.selected_alpn_protocol()


def ask(port, method, path, headers=(), body=None, secure=True):
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context()) if secure else \
        http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    if secure:
        connection.sock = context().wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname=HOST)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in (("Host", HOST), *headers):
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, Headers(answer.getheaders()), text


warnings.simplefilter("ignore", DeprecationWarning)  # the old protocols are what it is about
plain, secure, lax = free_ports(3)
write(plain, secure, lax)
nginx = start(secure)
try:
    # --- protocols and ciphers

    old = {"TLS 1.0": {"most": ssl.TLSVersion.TLSv1}, "TLS 1.1": {"least": ssl.TLSVersion.TLSv1_1, "most": ssl.TLSVersion.TLSv1_1}}
    tls12 = {"least": ssl.TLSVersion.TLSv1_2, "most": ssl.TLSVersion.TLSv1_2}
    for name in ("AES128-GCM-SHA256", "AES256-SHA256", "AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384"):
        old[f"TLS 1.2 with {name}"] = {**tls12, "ciphers": f"{name}:@SECLEVEL=0"}
    for what, how in old.items():
        same((shake(lax, **how) is not None, shake(secure, **how), shake(secure, "other.example", **how)), (True, None, None),
             f"{what} is refused, where a site that says nothing takes it")
    for name in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"):
        same(shake(secure, **tls12, ciphers=name), ("TLSv1.2", name, False), f"TLS 1.2 with {name} is taken, without tickets")
    same(shake(lax, **tls12, ciphers="ECDHE-RSA-AES128-GCM-SHA256")[2], True, "which a site that says nothing gives")
    same((shake(secure, least=ssl.TLSVersion.TLSv1_3) or [None])[0], "TLSv1.3", "TLS 1.3 is taken")
    same([shake(secure, name) for name in ("other.example", None)], [None, None], "another name has no certificate")

    # --- HTTP/2

    same((protocol(secure), protocol(lax)), ("h2", "http/1.1"), "HTTP/2 is spoken, where a site that says nothing has HTTP/1.1")
    same([line for line in (FOLDER / "error.log").read_text().splitlines() if "[warn]" in line], [], "nginx warns of nothing in its files")

    # --- headers

    user, client = signed_in()
    mine = ("Authorization", f"Bearer {client.token}")
    page, json = ("Accept", PAGE), ("Accept", "application/json")
    style = re.search(r'"(/static/[^"]+\.css)"', ask(secure, "GET", "/", [page])[2].decode())[1]
    own = ("a worker's", False)
    nginxs = ("nginx's own", True)
    for kind, wanted, *request in (
        (own, 200, "GET", "/", [page]), (own, 200, "GET", "/profile", [mine]), (own, 401, "GET", "/profile", [json]),
        (own, 303, "GET", "/account", [page]), (own, 405, "PUT", "/login", [json]), (own, 404, "GET", "/session/nothing", [json]),
        (nginxs, 200, "GET", style), (nginxs, 404, "GET", "/static/nothing"), (nginxs, 404, "GET", "/static/nothing", [page]),
        (nginxs, 405, "POST", style, [("Content-Length", "0")]), (nginxs, 404, "GET", "/nothing", [json]),
        (nginxs, 413, "POST", "/login", [("Content-Length", "999999")]), (nginxs, 501, "POST", "/login", [("Transfer-Encoding", "gzip")]),
        (nginxs, 400, "GET", "/profile", [("Host", "two.example")]), (nginxs, 431, "GET", "/", [("X-Long", "x" * 9000)]),
        (nginxs, 405, "TRACE", "/profile"), (nginxs, 503, "GET", "/files", [mine]), (nginxs, 503, "GET", "/files", [page]),
        (nginxs, 503, "GET", "/shared/x"), (nginxs, 423, "HEAD", "/uploads/x", [mine]), (nginxs, 401, "POST", "/upload", [("Content-Length", "200000")]),
    ):
        status, headers, text = ask(secure, *request)
        got = (status, headers.get("strict-transport-security"), headers.get("server"), headers.get("x-content-type-options"))
        what = f"{kind[0]} {wanted} to {' '.join(request[:2])}"
        same(got, (wanted, "max-age=63072000", "nginx", "nosniff"), f"{what} has HSTS, nosniff and no version", headers, text[:200])
        if kind[1] and request[0] != "HEAD":
            check("frame-ancestors 'none'" in headers.get("content-security-policy", ""), f"{what} is in no frame", headers)
    status, headers, text = ask(plain, "GET", f"/login?rd=/files", secure=False)
    same((status, headers.get("location"), headers.get("server"), headers.get("strict-transport-security"), b"1." in text),
         (301, f"https://{HOST}/login?rd=/files", "nginx", None, False), "port 80 leads to TLS, without a version, and without HSTS", headers)
    for what, request in (("a bad request", ("GET", "/", [("Host", "two.example")])), ("a header that is too long", ("GET", "/", [("X-Long", "x" * 99_000)]))):
        status, headers, text = ask(plain, *request, secure=False)
        same((status // 100, headers.get("server"), re.findall(rb"nginx/[\d.]+", text)), (4, "nginx", []), f"{what} to port 80 learns no version", text)
    status, headers, text = ask(secure, "GET", "/", secure=False)
    same((status, headers.get("server"), headers.get("strict-transport-security"), headers.get("x-content-type-options")), (400, "nginx", None, "nosniff"),
         "without TLS the port of TLS says 400 and no version", headers, text)

    # --- logs of what is no answer of ours

    ask(plain, "GET", "/shared/a-link-that-came-without-tls", secure=False)
    try:
        ask(plain, "GET", "/shared/a-link-that-came-to-an-address", [("Host", "192.0.2.1")], secure=False)
    except (http.client.RemoteDisconnected, ConnectionResetError):
        pass
finally:
    os.kill(nginx.pid, signal.SIGQUIT)
    nginx.wait()
logs = {path.name: path.read_text() for path in FOLDER.glob("*.log")}
check("/shared/-" in logs["site.log"], "requests of port 80 are logged")
same([name for name, text in logs.items() if "a-link-that-came" in text], [], "a link that comes to port 80 is in no log")
done()
