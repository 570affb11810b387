"""Patches of t/mutations: each takes one protection of mayfly away, and says what prove must call it."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "t/mutations"
LINE = re.compile(r"(Protection|Prove|Hook): (.+)")
DURATION = 45  # of the load, unless something is found earlier


class Mutation:
    """names: what prove may call it. hook: what has to happen to the site before it shows."""

    def __init__(self, path):
        self.path, self.name = path, path.stem
        head = path.read_text().partition("\n\n")[0]
        fields = {match[1]: match[2] for match in map(LINE.fullmatch, head.splitlines()) if match}
        self.protection, self.hook = fields["Protection"], fields.get("Hook")
        self.names = fields["Prove"].split(" | ")

    def patch(self, tree, *options):
        """None when it applies, else what patch says. Without fuzz, by which it would be taken back at another place."""
        ran = subprocess.run(["patch", "-p0", "--force", "--fuzz=0", "--no-backup-if-mismatch", "--reject-file=-", *options, "-i", self.path],
                             cwd=tree, capture_output=True, text=True, check=False)
        return None if ran.returncode == 0 else ran.stdout + ran.stderr


def mutations():
    return [Mutation(path) for path in sorted(FOLDER.glob("*.patch"))]


class Mutant:
    """A copy of the checkout with a build and a stack of its own, in which one protection after the other is missing."""

    def __init__(self, folder, inst):
        self.tree, self.build, self.inst = folder / "src", folder / "src/build-mutant", folder / "inst"
        self.dev = CHECKOUT / "dev"
        self.environment = {**os.environ, "MAYFLY_SCRATCH": str(folder / "stack"), "MAYFLY_INST": str(self.inst), "DEV": str(self.dev)}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copytree(inst, self.inst, symlinks=True)
        # With their times, so that configure is not made again.
        shutil.copytree(CHECKOUT, self.tree, symlinks=True, ignore=lambda folder, names: [
            name for name in names if Path(folder) == CHECKOUT and name.startswith((".git", "build", "autom4te")) and name != "build-aux"])
        self.build.mkdir()
        self.run([self.tree / "configure", "-q", "CFLAGS=-O1"], cwd=self.build)
        self.url = None
        self.install()

    def run(self, command, timeout=300, **options):
        # A long path through the folder of the test's own stack is none of ours.
        ran = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True, timeout=timeout,
                             check=False, **options)
        if ran.returncode != 0:
            raise RuntimeError(f"{command}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        return ran.stdout

    def install(self):
        """What the tree is now, running."""
        self.run(["make", "-s", f"-j{os.cpu_count()}", "mayfly-worker"], cwd=self.build)
        shutil.copy2(self.build / "mayfly-worker", self.inst / "bin/mayfly-worker.new")
        os.replace(self.inst / "bin/mayfly-worker.new", self.inst / "bin/mayfly-worker")
        for path in (self.tree / "nginx").glob("*.conf"):
            shutil.copy2(path, self.inst / "share/mayfly/nginx" / path.name)
        self.url = self.run([self.dev, "stack", "up"]).split()[-1]
        self.run([self.dev, "restart"])

    def touch(self, mutation):
        """make goes by times, and a patch that is taken back is older than what was built with it."""
        for name in re.findall(r"^\+\+\+ (\S+)", mutation.path.read_text(), re.M):
            os.utime(self.tree / name)

    def mutate(self, mutation, *options):
        why = mutation.patch(self.tree, *options)
        if why:
            raise RuntimeError(f"{mutation.name}: {why}")
        self.touch(mutation)

    def prove(self, *options, program=None, duration=DURATION):
        """(exit status, report, seconds)"""
        path = self.inst / "report.json"
        path.unlink(missing_ok=True)
        since = time.monotonic()
        ran = subprocess.run([program or self.inst / "bin/mayfly-prove", "--url", self.url, "--users", "12", "--clients", "6",
                              "--duration", str(duration), "--json", path, *options], env=self.environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
        report = json.loads(path.read_text()) if path.exists() and path.stat().st_size else {}
        return ran.returncode, {**report, "said": ran.stdout + ran.stderr}, time.monotonic() - since

    def down(self):
        self.run([self.dev, "down"])
