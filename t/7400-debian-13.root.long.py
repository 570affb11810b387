#!/usr/bin/python3
"""Debian 13: the package is built as README says, by both compilers without a warning, its unit tests pass, and it serves on a
machine of that release, beside its own nginx, PostgreSQL, memcached and systemd."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import CHECKOUT, check, done, note, same
from machine import Machine, check_file, deploy, require, skip

SUITE = os.environ.get("MAYFLY_SUITE", "trixie")
# What README installs on a host, what the package depends on, and what looks at both. The rest comes by `apt-get build-dep`.
PACKAGES = ("ca-certificates", "clang", "curl", "iproute2", "lintian", "memcached", "multiwatch", "nginx", "openssl", "postgresql",
            "procps", "spawn-fcgi", "systemd", "systemd-sysv")
BUILDER = "builder"
HOME = Path("/home", BUILDER)
UNITS = ("mayfly-pool@a.service", "mayfly-sweep.service", "mayfly-sweep.timer", "mayfly-schema.service", "mayfly.target", "mayfly.slice")
EXPOSURE = 5  # tenths, as systemd-analyze counts (t/7100)
ROOM_BYTES = 4 * 1024**3  # two thirds of it are the packages
# Made here: what ./dev and the deployment's `./configure` leave in a checkout.
MADE = ("build", "build-*", ".git", "autom4te.cache", "configure", "config.*", "Makefile.in", "deb")


def mirror():
    """One that apt uses here and that has the release."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], capture_output=True, text=True)
    with tempfile.TemporaryDirectory() as folder:
        for uri in dict.fromkeys(listed.stdout.split()):
            ran = subprocess.run(["/usr/lib/apt/apt-helper", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=0", "download-file",
                                  f"{uri}dists/{SUITE}/InRelease", f"{folder}/InRelease"], capture_output=True)
            if ran.returncode == 0:
                return uri
    return skip(f"no mirror of Debian that apt uses here has {SUITE}")


class Root:
    """An installed system in a folder, without services."""

    def __init__(self, folder):
        self.folder = folder
        uri = mirror()
        made = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}",
                               "--dpkgopt=force-unsafe-io", SUITE, folder, f"deb {uri} {SUITE} main"], capture_output=True, text=True)
        check(made.returncode == 0, f"{SUITE} is installed", made.stderr[-2000:])
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        self(f"useradd --create-home {BUILDER}")
        ignore = shutil.ignore_patterns(*MADE)
        shutil.copytree(CHECKOUT, f"{folder}{HOME}/mayfly", symlinks=True,
                        ignore=lambda path, names: {name for name in ignore(path, names) if name != "build-aux"} if Path(path) == CHECKOUT else ())
        self(f"chown -R {BUILDER} {HOME}")

    def write(self, path, text, mode):
        (self.folder / path.lstrip("/")).write_text(text)
        (self.folder / path.lstrip("/")).chmod(mode)

    def run(self, script, user="root"):
        """In there, with mounts and processes that end with it."""
        enter = f"""
            mount --make-rprivate /
            mount --rbind /sys {self.folder}/sys
            mount --rbind /dev {self.folder}/dev
            exec chroot {self.folder} setpriv --reuid={user} --regid={user} --init-groups bash -ec "$1" """
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(["nice", "unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={self.folder}/proc", "bash", "-ec",
                               enter, "enter", script], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env={**{name: value for name, value in os.environ.items() if name.endswith("_proxy")}, "PATH": path, "LC_ALL": "C.UTF-8",
                                   "HOME": "/root" if user == "root" else str(HOME), "DEBIAN_FRONTEND": "noninteractive"})

    def __call__(self, script, user="root"):
        ran = self.run(script, user)
        if ran.returncode != 0:
            raise RuntimeError(f"{script}\n{ran.stdout[-1500:]}{ran.stderr[-3000:]}")
        return ran.stdout

    def build(self, script):
        return self.run(f"cd {HOME}/mayfly\n{script}", BUILDER)


def build(root):
    """The package's file, in the root."""
    jobs = os.cpu_count()
    root(f"apt-get update -q; cd {HOME}/mayfly; apt-get build-dep -y -q --no-install-recommends .; apt-get clean")
    for compiler in ("gcc", "clang"):
        ran = root.build(f"""
            [ -x configure ] || autoreconf -i
            mkdir {HOME}/{compiler}
            cd {HOME}/{compiler}
            ../mayfly/configure -q CC={compiler} --enable-werror
            make -s -j{jobs}
            make -s -j{jobs} check TESTS=""")
        check(ran.returncode == 0, f"{root(f'{compiler} --version').splitlines()[0]} warns of nothing", ran.stdout[-1000:], ran.stderr[-2000:])
    # What configure does without, and the package does not.
    root("dpkg --remove --force-depends libcmocka-dev")
    ran = root.build(f"cd {HOME}/gcc; make deb")
    check(ran.returncode != 0 and "libcmocka-dev" in ran.stderr and "apt-get build-dep ." in ran.stderr and "Entering" not in ran.stdout,
          "make deb says at once what is missing, and what installs it", ran.stdout[-1000:], ran.stderr)
    root(f"cd {HOME}/mayfly; apt-get build-dep -y -q --no-install-recommends .")
    ran = root.build(f"cd {HOME}/gcc; DEB_BUILD_OPTIONS='noautodbgsym parallel={jobs}' make -s deb")
    check(ran.returncode == 0, "make deb makes the package, whose unit tests pass", ran.stdout[-1000:], ran.stderr[-3000:])
    tested = root(f"sed -n 's/^# TOTAL: *//p; s/^# FAIL: *//p' {HOME}/gcc/deb/build.log").split()
    check(len(tested) == 2 and int(tested[0]) > 30 and tested[1] == "0", "all of them", tested)
    deb = next((root.folder / f"home/{BUILDER}/gcc/deb").glob("mayfly_*.deb"))
    lint = root.build(f"lintian --fail-on error,warning {HOME}/gcc/deb/{deb.name}")
    check(lint.returncode == 0, "its lintian finds neither errors nor warnings", lint.stdout, lint.stderr)
    return deb


def zip_of(*names):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "some words\n")
    return made.getvalue()


def check_services(machine):
    note(machine("nginx -v 2>&1; psql --version; memcached --version; systemctl --version | head -n 1"))
    tried = machine("nginx -t 2>&1")
    # All modules of this nginx and our maps have more variables than its table likes (variables_hash_max_size): that one is left.
    warnings = [line for line in tried.splitlines() if "[warn]" in line and "variables_hash" not in line]
    same(warnings, [], "nginx warns of nothing that is old in README's files")
    same(machine("curl -sS -o /dev/null -w '%{http_version} %{http_code}' https://example.org/health/ready"), "2 200", "HTTP/2 is spoken, and all is ready")
    verified = machine.run(f"systemd-analyze verify --man=no {' '.join(UNITS)}")
    lines = [line for line in verified.stderr.splitlines() if "mayfly" in line]
    check(verified.returncode == 0 and not lines, "systemd-analyze verify has nothing to say", *lines)
    for unit in ("mayfly-pool@a", "mayfly-sweep", "mayfly-schema"):
        ran = machine.run(f"systemd-analyze security --no-pager --threshold={EXPOSURE} {unit}")
        check(ran.returncode == 0, f"{unit}: exposed no more than {EXPOSURE / 10}", ran.stdout[-2000:])


def check_use(machine, token):
    client = machine.client(token)
    same(client.get("/profile").json()["username"], "ann", "who has logged in is known")
    answer = client.request("PATCH", "/session/data", body=b'{"cart":{"lamp":1}}', headers={"Content-Type": "application/merge-patch+json"})
    same((answer.status, client.get("/session/data").json()), (200, {"cart": {"lamp": 1}}), "a document is changed and read", answer)
    check_file(machine, token)
    answer = client.request("POST", "/upload?name=words.zip", body=zip_of("a.txt", "b.txt"), headers={"Content-Type": "application/octet-stream"})
    same((answer.status, answer.json().get("type")), (201, "application/zip"), "libmagic tells a type in its sandbox", answer)


def check_operation(machine):
    old = machine.workers()
    machine("mayflyctl deploy; systemctl start mayfly-schema mayfly-sweep; runuser -u mayfly -- mayflyctl fsck")
    same(old & machine.workers(), set(), "mayflyctl deploy replaces every worker")
    old = machine.workers("a", "b")
    machine("systemctl reload 'mayfly-pool@*'")
    same(old & machine.workers("a", "b"), set(), "so does a reload")
    same(machine.client().get("/health/ready").status, 200, "and all is ready again")
    same(machine.run("systemctl --failed --no-legend").stdout, "", "nothing has failed")


def main():
    require()
    if not shutil.which("mmdebstrap"):
        skip("there is no mmdebstrap")
    if shutil.disk_usage(tempfile.gettempdir()).free < ROOM_BYTES:
        skip(f"{tempfile.gettempdir()} has no {ROOM_BYTES >> 30} GiB left")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # of a timeout: so much is not left behind
    with tempfile.TemporaryDirectory(prefix="mayfly-debian-") as folder:
        Path(folder).chmod(0o755)
        root = Root(Path(folder) / "root")
        deb = build(root)
        with Machine(deb, root=root.folder) as machine:
            last = deploy(machine, lambda passed, block, ran: check(passed, f"README: {block.splitlines()[0][:70]}", ran.stdout, ran.stderr))
            token = last.stdout.split('"token":"')[1].split('"')[0]
            check_services(machine)
            check_use(machine, token)
            check_operation(machine)
    done()


main()
