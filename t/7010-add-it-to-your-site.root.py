#!/usr/bin/python3
"""doc/add-it-to-your-site.md, command by command, on a machine on which mayfly was installed as README says; then somebody goes to the site, logs
in at home, which is another domain, and comes back to the whole address."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import CHECKOUT, PASSWORD, check, done, same
from machine import HOST, Machine, SecureClient, SecureConnection, deploy, package, require
from visitor import Visitor

SITE = "wiki.example.net"
TARGET = f"https://{SITE}/?page=a%26b&to=https://other.example/x"
CERTIFICATE = f"""
install -d /etc/ssl/{SITE}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={SITE} -addext subjectAltName=DNS:{SITE} \\
    -keyout /etc/ssl/{SITE}/privkey.pem -out /etc/ssl/{SITE}/fullchain.pem 2>/dev/null
cat /etc/ssl/{SITE}/fullchain.pem >>/etc/ssl/certs/ca-certificates.crt
"""


class Anywhere(SecureClient):
    """Of a machine's hosts, by the name that Host has."""

    def __init__(self, certificates):
        super().__init__(certificates)
        self.cookie = None

    def request(self, method, path, headers=(), **more):
        self.name = dict(headers)["Host"]
        return super().request(method, path, headers=headers, **more)

    def connect(self):
        connection = SecureConnection(HOST, 443, timeout=self.timeout, context=self.context)
        connection.host = self.name
        return connection


def follow(machine):
    page = (CHECKOUT / "doc/add-it-to-your-site.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.S | re.M)
    check(len(blocks) >= 6, "the page has commands", len(blocks))
    for block in blocks:
        ran = machine.run(block)
        if not check(ran.returncode == 0, f"the page: {block.splitlines()[0][:70]}", ran.stdout, ran.stderr):
            return False
    return True


def walk(machine):
    certificates = machine(f"cat /etc/ssl/{HOST}/fullchain.pem /etc/ssl/{SITE}/fullchain.pem")
    visitor = Visitor(443, lambda: Anywhere(certificates))
    visitor.open(TARGET)
    check(visitor.url.startswith(f"https://{HOST}/enter?to="), "a guest is led to the log-in at home", visitor.url)
    page = visitor.log_in("ann", PASSWORD)
    same((visitor.url, page.status, "The wiki" in page.text), (TARGET, 200, True), "and comes back to the whole address, query and all", page)
    same([visitor.jar[host]["__Host-mayfly"][:4] for host in (SITE, HOST)], ["mfv_", "mfs_"], "with a cookie that is good there alone, and another one at home", visitor.jar)
    machine("systemctl stop wiki")
    same(visitor.ask(TARGET).status, 502, "an app that is not there is no log-in")


require()
with Machine(package()) as made:
    (made.folder / "shared/hosts").write_text(f"127.0.0.1 localhost {HOST} {SITE}\n")
    deploy(made)
    made(CERTIFICATE)
    if follow(made):
        walk(made)
done()
