"""A whole machine for a test: systemd as its first process, over a copy-on-write view of this one's root or another one, with a
network of its own. What it writes is in memory and goes with it. As root, with systemd-nspawn."""

import contextlib
import ctypes
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.dont_write_bytecode = True
from chaos import CHECKOUT, Client, check, same

BUILD = Path(os.environ.get("MAYFLY_BUILD", CHECKOUT / "build"))
HOST = "example.org"  # as in nginx/site.conf
POOLS = ("a", "b", "files-a", "files-b", "password-a", "password-b")
CLONE_NEWNET = 0x40000000
# What a machine needs that this one may not have; Debian's packages and their services.
SERVICES = ("nginx", "postgresql", "memcached")
BOOT_S = 30

# Before the first boot. Packages that are installed here for other reasons are not to start services there, and Debian
# starts those of SERVICES, which ./dev has disabled.
PREPARE = """
rm -rf /etc/systemd/system/*.wants/* /lib/systemd/system/multi-user.target.wants/* /lib/systemd/system/timers.target.wants/*
rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/*
for service in %s; do
    ln -s /lib/systemd/system/$service.service /etc/systemd/system/multi-user.target.wants/
done
ln -sf /run/machine/hosts /etc/hosts
printf 'APT::Get::Assume-Yes "yes";\\nAPT::Sandbox::User "root";\\n' >/etc/apt/apt.conf.d/99test
install -d /etc/ssl/example.org
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=example.org \
    -addext subjectAltName=DNS:example.org -keyout /etc/ssl/example.org/privkey.pem \
    -out /etc/ssl/example.org/fullchain.pem 2>/dev/null
cp /etc/ssl/example.org/fullchain.pem /usr/local/share/ca-certificates/example.crt
cat /etc/ssl/example.org/fullchain.pem >>/etc/ssl/certs/ca-certificates.crt
""" % " ".join(SERVICES)


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def require():
    """Skips the test, with the reason, where no machine can be made."""
    if os.geteuid() != 0:
        skip("needs root: ./dev test as root")
    missing = [program for program in ("systemd-nspawn", "dpkg-buildpackage", "dh", "lintian") if not shutil.which(program)]
    if missing:
        skip(f"there is no {', '.join(missing)}")
    groups = [path for path in CGROUPS if path.is_dir()]
    if not groups or not all(os.access(path, os.W_OK) for path in groups):
        skip("control groups can't be made here, as in an unprivileged container")
    tried = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/r && "
                            "mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w none /mnt/r"],
                           capture_output=True, text=True)
    if tried.returncode != 0:
        skip(f"file systems can't be mounted here: {tried.stderr.strip()}")


CGROUPS = [Path("/sys/fs/cgroup") / name for name in ("systemd", "unified")]
if Path("/sys/fs/cgroup/cgroup.controllers").exists():
    CGROUPS = [Path("/sys/fs/cgroup")]


class Failed(Exception):
    pass


class Machine:
    """with Machine(...) as machine: it runs; afterwards nothing of it is left."""

    def __init__(self, *files, root="/"):
        """files are copied to /run/machine in there. root is a folder with an installed Debian, which stays as it is."""
        self.name = f"mayfly-machine-{os.getpid()}"
        self.folder = Path(tempfile.gettempdir()) / self.name
        self.folder.mkdir(mode=0o700)
        self.files, self.root = files, root
        self.holder = self.nspawn = self.leader = None
        self.certificate = None

    def __enter__(self):
        try:
            self.make()
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.nspawn is not None:
            self.cut_power()
        if self.holder is not None:
            self.holder.kill()
            self.holder.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self):
        (self.folder / "shared").mkdir()
        (self.folder / "disk").mkdir()
        (self.folder / "shared/hosts").write_text(f"127.0.0.1 localhost {HOST}\n")
        for file in self.files:
            shutil.copy(file, self.folder / "shared")
        # Holds the mounts, which nobody else sees, from one boot to the next. All ends with us, however we end.
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "-m", "bash", "-ec", f"""
            mount --make-rprivate /
            mount -t tmpfs -o mode=755 machine {self.folder}/disk
            cd {self.folder}/disk
            mkdir upper work root
            mount -t overlay -o lowerdir={self.root},upperdir=upper,workdir=work machine root
            echo ready
            exec sleep infinity >/dev/null"""], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            raise Failed("the machine's root can't be mounted")
        made = self.in_holder(["chroot", f"{self.folder}/disk/root", "bash", "-ec", PREPARE])
        if made.returncode != 0:
            raise Failed(made.stderr)

    def in_holder(self, command):
        return subprocess.run(["nsenter", "-m", "-t", str(self.holder.pid), "--", *command], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    def boot(self):
        began = time.monotonic()
        groups = " ".join(str(path / self.name) for path in CGROUPS)
        self.nspawn = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "bash", "-ec", f"""
            for group in {groups}; do mkdir -p $group; echo $$ >$group/cgroup.procs; done
            export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
            exec nsenter -m -t {self.holder.pid} -- systemd-nspawn --quiet --register=no --keep-unit \\
                --directory={self.folder}/disk/root --machine={self.name} --link-journal=no --console=pipe --resolv-conf=off \\
                --timezone=off --private-network --bind-ro={self.folder}/shared:/run/machine \\
                --boot systemd.unit=multi-user.target"""],
            stdin=subprocess.DEVNULL, stdout=open(self.folder / "console.log", "ab"), stderr=subprocess.STDOUT)
        until = began + BOOT_S
        while not self.booted():
            if time.monotonic() > until or self.nspawn.poll() is not None:
                raise Failed("the machine does not boot:\n" + (self.folder / "console.log").read_text()[-3000:])
            time.sleep(0.05)
        namespace = os.open(f"/proc/{self.leader}/ns/net", os.O_RDONLY)
        # From now on this process, too, connects to what listens there; its files stay this machine's.
        if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
            raise Failed(os.strerror(ctypes.get_errno()))
        os.close(namespace)
        return time.monotonic() - began

    def booted(self):
        try:
            children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        except OSError:
            return False
        if not children:
            return False
        self.leader = int(children[0])
        return self.run("systemctl is-active -q multi-user.target").returncode == 0

    def cut_power(self):
        """Everything in there ends at once."""
        for pid in (self.leader, self.nspawn.pid):
            with contextlib.suppress(TypeError, ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.nspawn.wait()
        self.nspawn = self.leader = None
        for path in CGROUPS:
            for group in sorted((path / self.name).rglob("**/"), reverse=True):
                try:
                    group.rmdir()
                except OSError:
                    pass

    def command(self, *command):
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", *command]

    def run(self, script, typed=""):
        """A script in there, as root."""
        return subprocess.run(self.command("bash", "-ec", script), input=typed, capture_output=True, text=True,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                                   "DEBIAN_FRONTEND": "noninteractive", "EDITOR": "true", "SYSTEMD_PAGER": ""})

    def __call__(self, script, typed=""):
        """The same, which must succeed; its output."""
        ran = self.run(script, typed)
        if ran.returncode != 0:
            raise Failed(f"{script}\n{ran.stdout[-1500:]}{ran.stderr[-3000:]}")
        return ran.stdout

    def psql(self, sql):
        return self('runuser -u postgres -- psql -X -At -d mayfly -c "$(cat)"', typed=sql).strip()

    def workers(self, *pools):
        """Process ids, as seen in there."""
        found = set()
        for pool in pools or POOLS:
            found.update(self.run(f"pgrep -P $(systemctl show -P MainPID mayfly-pool@{pool})").stdout.split())
        return found

    def journal(self, unit, since=""):
        return self(f"journalctl -o cat -u {unit} {since}").splitlines()

    def client(self, token=None, **options):
        if self.certificate is None:
            self.certificate = self("cat /etc/ssl/example.org/fullchain.pem")
        return SecureClient(self.certificate, token, **options)


class SecureClient(Client):
    def __init__(self, certificate, token=None, **options):
        super().__init__(token, **options)
        self.context = ssl.create_default_context(cadata=certificate)

    def connect(self):
        return SecureConnection(HOST, 443, timeout=self.timeout, context=self.context)


class SecureConnection(http.client.HTTPSConnection):
    """By the name, which this machine's resolver does not know."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


# --- the package and the README


def package():
    """The Debian package of this checkout, made when it is older than its sources."""
    found = sorted((BUILD / "deb").glob("mayfly_*.deb"))
    tracked = [path for folder in ("src", "sql", "etc", "nginx", "man", "systemd", "debian", "build-aux")
               for path in (CHECKOUT / folder).rglob("*") if path.is_file() and "autom4te" not in str(path)]
    tracked += [CHECKOUT / name for name in ("configure.ac", "Makefile.am")]
    if found and found[-1].stat().st_mtime > max(path.stat().st_mtime for path in tracked):
        return found[-1]
    owner = BUILD.stat()
    # nocheck: `./dev test` runs the unit tests anyway.
    ran = subprocess.run(["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups", "make", "-s", "-C",
                          str(BUILD), "deb"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck noautodbgsym", "HOME": "/nonexistent"})
    if ran.returncode != 0:
        raise Failed(f"make deb: {ran.stdout[-1000:]}{ran.stderr[-3000:]}")
    return next(iter(sorted((BUILD / "deb").glob("mayfly_*.deb"))))


def readme_blocks(title):
    """The commands of a chapter of README, one text for each block of them."""
    chapter = re.split(r"^##+ ", (CHECKOUT / "README.md").read_text(), flags=re.M)
    text = next(part for part in chapter if part.startswith(title + "\n"))
    return [re.sub(r"^    ", "", block, flags=re.M).rstrip() for block in re.findall(r"(?:^    .*\n)+", text, re.M)]


def deploy(machine, judge=lambda passed, block, ran: None):
    """Follows README, block by block."""
    for block in readme_blocks("Deploy"):
        ran = machine.run("cd /run/machine\n" + block, typed="a quiet green lamp\n")
        judge(ran.returncode == 0, block, ran)
        if ran.returncode != 0:
            raise Failed(f"{block}\n{ran.stdout[-1000:]}{ran.stderr[-3000:]}")
    # A load from one address is what these tests are. Not reloaded: nginx would close connections that we keep.
    machine("""
        echo 'geo $mayfly_limited { default 0; }' >>/etc/nginx/conf.d/mayfly-http.conf
        echo login_failures_per_address = 1000000 >>/etc/mayfly/mayfly.conf
        systemctl reload 'mayfly-pool@*'
        systemctl restart nginx""")
    return ran


def check_file(machine, token):
    """An image and its thumbnail, whose program runs inside of the worker's sandbox."""
    rows = b"".join(b"\0" + bytes(3 * 64) for _ in range(64))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    image = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
    client = machine.client(token)
    answer = client.request("POST", "/upload?name=black.png", body=image, headers={"Content-Type": "image/png"})
    check(answer.status == 201, "a file is uploaded", answer)
    url = answer.json()["url"]
    same(client.get(url).body, image, "and comes back as it was")
    thumbnail = client.get(f"{url}?size=64".replace("?", "/thumbnail?"))
    check(thumbnail.status == 200 and thumbnail.headers.get("Content-Type") == "image/jpeg", "its thumbnail is made in the sandbox",
          thumbnail, "\n".join(machine.journal("mayfly-pool@files-a")[-5:]), "\n".join(machine.journal("mayfly-pool@files-b")[-5:]))
