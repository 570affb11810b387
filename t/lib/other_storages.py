#!/usr/bin/python3
"""S3 storages that are not Ceph's gateway, each in a folder of the stack's. `other_storages.py stop|start NAME` for programs.
MAYFLY_STORAGES=swift tries one of them."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import s3
from chaos import nginx_reload
from files import forget_rows
from mayfly import SCRATCH, check, note, settings

BUCKET = "mayfly"
PART = 5 * 1024 * 1024
PATIENCE_S = 180
TEST_S = 800  # for a test over one of them; ./dev test gives a script 900 s
SLOW = {"s3_timeout_ms": 120_000, "s3_stall_s": 60}  # a whole Swift is one process, and a test among others


class Storage:
    """lacks: as t/service/object-contract.c has it. page: keys that its lists have at most. tests: those of t/ that run over it as well."""

    name = key = secret = lacks = ""
    page = 1000
    tests = ("4450-uploads.py", "4460-downloads.py", "4950-csv.py", "4970-links.py", "4980-thumbnails.py",
             "5961-storage-answers-wrongly.py")

    def __init__(self):
        self.folder = SCRATCH / "other-storages" / self.name
        self.credentials = self.folder / "key"

    def missing(self):
        """Why it can't be tried here, and how it could; None: it can."""
        raise NotImplementedError

    def command(self, port):
        raise NotImplementedError

    @property
    def port(self):
        return int((self.folder / "port").read_text())

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def settings(self):
        """Of mayfly.conf."""
        return {"objects": "s3", "s3_part_bytes": PART, "s3_endpoint": self.endpoint, "s3_bucket": BUCKET,
                "s3_credentials": self.credentials, **SLOW}

    def start(self):
        """Returns when its bucket is there; it has the port and the data that it had."""
        if (self.folder / "pid").exists() and self.ask("HEAD") == 200:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "port").exists():
            with socket.create_server(("127.0.0.1", 0)) as free:
                (self.folder / "port").write_text(str(free.getsockname()[1]))
        self.credentials.write_text(f"AWS_ACCESS_KEY_ID={self.key}\nAWS_SECRET_ACCESS_KEY={self.secret}\n")
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.command(self.port), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True, cwd=self.folder)
        (self.folder / "pid").write_text(str(process.pid))
        until = time.monotonic() + PATIENCE_S
        while self.ask("HEAD") != 200:
            self.ask("PUT")
            if process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"{self.name} does not start: {(self.folder / 'log').read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def stop(self):
        with contextlib.suppress(OSError):
            pid = int((self.folder / "pid").read_text())
            (self.folder / "pid").unlink()
            os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + PATIENCE_S
            while Path(f"/proc/{pid}/cmdline").read_bytes() and time.monotonic() < until:
                time.sleep(0.01)

    def ask(self, method):
        """Asks for the bucket; the status, None when nobody answers."""
        host = f"127.0.0.1:{self.port}"
        connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
        try:
            connection.request(method, f"/{BUCKET}", headers=s3.signed(self.key, self.secret, method, host, f"/{BUCKET}", ""))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class S3rver(Storage):
    """One process of Node.js over a folder, for tests. It checks no signature, lists neither uploads nor parts, gives none up."""

    name = "s3rver"
    key = secret = "S3RVER"
    lacks = "abort uploads parts signatures long-keys empty-ranges"
    PACKAGE = "s3rver@3.7.1"
    PROGRAM = """const S3rver = require(process.argv[1] + "/node_modules/s3rver");
        new S3rver({address: "127.0.0.1", port: +process.argv[2], silent: true, directory: process.argv[1] + "/data"}).run();"""

    def missing(self):
        if shutil.which("npm") is None or shutil.which("node") is None:
            return "there is no npm: apt-get install npm"
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        if not (self.folder / "node_modules/s3rver").exists():
            ran = subprocess.run(["npm", "install", "--prefix", self.folder, "--cache", self.folder / "cache", "--no-audit",
                                  "--no-fund", "--ignore-scripts", self.PACKAGE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, timeout=300)
            if ran.returncode != 0:
                note(ran.stdout)
                return f"npm can't fetch it: npm install {self.PACKAGE}"
        return None

    def command(self, port):
        # Lists of more than a page have a token of DES.
        return ["node", "--openssl-legacy-provider", "-e", self.PROGRAM, str(self.folder), str(port)]


class Swift(Storage):
    """OpenStack's, all of it in one process (whole_swift.py)."""

    name = "swift"
    key, secret = "mayfly:mayfly", "mayfly"
    page = 40  # by whole_swift.py: a thousand objects take minutes of its one process
    tests = (*Storage.tests, "5960-files-on-s3.py", "5962-storage-loses-uploads.py")

    def missing(self):
        if subprocess.run(["/usr/bin/python3", "-c", "import swift.proxy.server"], capture_output=True, check=False).returncode != 0:
            return "there is no Swift: apt-get install python3-swift"
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            os.setxattr(self.folder, b"user.mayfly", b"1")
        except OSError as error:
            return f"{self.folder} has no extended attributes: {error}"
        return None

    def command(self, port):
        return ["/usr/bin/python3", "-B", str(Path(__file__).with_name("whole_swift.py")), str(self.folder), str(port)]


ALL = (S3rver, Swift)


@contextlib.contextmanager
def nginx_asks(endpoint):
    """It fetches large files there."""
    path = SCRATCH / "etc/conf.d/mayfly-host.conf"
    before = path.read_text()
    path.write_text(re.sub(r'(map "" \$mayfly_s3 \{\s*default )[^;]*;', rf"\g<1>{endpoint};", before))
    try:
        nginx_reload()
        yield
    finally:
        path.write_text(before)
        nginx_reload()


def running(*kinds):
    """One after the other, those of these that can be tried here; with none of them the test is skipped."""
    wanted, why = os.environ.get("MAYFLY_STORAGES", "").split(), []
    tried = 0
    for storage in (kind() for kind in kinds if not wanted or kind.name in wanted):
        missing = storage.missing()
        if missing:
            why.append(f"{storage.name}: {missing}")
            note(f"SKIP {why[-1]}")
            continue
        tried += 1
        storage.start()
        try:
            with nginx_asks(storage.endpoint):
                yield storage
        finally:
            storage.stop()
    if tried == 0:
        print(f"1..0 # SKIP {'; '.join(why) or 'MAYFLY_STORAGES names another'}")
        sys.exit(0)


def same_tests(kind):
    """Those of uploads and downloads, and those of a storage that misbehaves, which stands before it then."""
    for storage in running(kind):
        with settings(**storage.settings()):
            forget_rows()
            for name in storage.tests:
                begun = time.monotonic()
                ran = subprocess.run([sys.executable, Path(__file__).parents[1] / name], capture_output=True, text=True, timeout=TEST_S,
                                     env={**os.environ, "OTHER_STORAGE": storage.name})
                note(f"{name}: {time.monotonic() - begun:.0f} s")
                failed = [line for line in ran.stdout.splitlines() if line.startswith("not ok")]
                check(ran.returncode == 0 and not failed, f"{storage.name}: {name}", *failed, ran.stderr)
            forget_rows()


def main(what, name):
    storage = next(one for one in ALL if one.name == name)()
    getattr(storage, {"start": "start", "stop": "stop"}[what])()


if __name__ == "__main__":
    main(*sys.argv[1:])
