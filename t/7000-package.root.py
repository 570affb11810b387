#!/usr/bin/python3
"""From the package to the first log-in by README's own commands, on a machine with a real systemd; then the upgrade under
load, the removal, and nothing that is left behind."""

import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import CHECKOUT, PASSWORD, check, done, same, wait_until
from ledger import Ledger
from machine import POOLS, Machine, check_file, deploy, package, readme_blocks, require

NEXT = "0.1.1~test"
NUMBER = int(re.search(r"NGINX_NUMBER = (\d+)", (CHECKOUT / "src/app/nginx_number.h").read_text())[1])
NGINX = "pgrep -P $(cat /run/nginx.pid)"


def next_version(deb, folder):
    """The same with a higher number: what dpkg and the maintainer scripts do is what an upgrade does."""
    tree = Path(folder) / "tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {NEXT}", control.read_text()))
    path = Path(folder) / "next.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True, capture_output=True)
    return path


def check_package(deb):
    lint = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", deb], capture_output=True, text=True)
    check(lint.returncode == 0, "lintian finds neither errors nor warnings", lint.stdout, lint.stderr)
    version = subprocess.run(["dpkg-deb", "-f", deb, "Version"], capture_output=True, text=True, check=True).stdout.strip()
    same(version, re.search(r"AC_INIT\(\[mayfly\], \[([^]]+)\]", (CHECKOUT / "configure.ac").read_text()).group(1),
         "debian/changelog and configure.ac agree on the version")
    check(deb.name in readme_blocks("Deploy")[0], "README installs that very file", deb.name)


def check_pages(deb):
    """man and mandoc take each page of the package without a word."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
        pages = sorted(Path(folder).glob("usr/share/man/*/*.gz"))
        same([page.name for page in pages], ["mayfly-prove.1.gz", "mayfly-rules.5.gz", "mayfly.conf.5.gz", "mayfly-worker.8.gz", "mayflyctl.8.gz"], "five manual pages")
        same([path for path in ("bash-completion/completions/mayflyctl", "zsh/vendor-completions/_mayflyctl")
              if "mayflyctl" not in (Path(folder) / "usr/share" / path).read_text()], [], "completions are where Debian's shells look")
        for page in pages:
            ran = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, env={
                "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANROFFSEQ": ""})
            lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning", page], capture_output=True, text=True)
            check(ran.returncode == 0 and not ran.stderr and len(ran.stdout) > 1000 and lint.returncode == 0,
                  f"{page.name}: no warning", ran.stderr, lint.stdout)


def check_deployment(machine):
    last = deploy(machine, lambda passed, block, ran: check(passed, f"README: {block.splitlines()[0][:70]}", ran.stdout, ran.stderr))
    check('"token":"mfs_' in last.stdout, "the first log-in gets a token", last.stdout)
    for name, block in zip(("reload and scale", "schema", "old copies of nginx's files", "old pools", "TCP"), readme_blocks("Afterwards")):
        ran = machine.run(block)
        check(ran.returncode == 0, f"README, afterwards: {name}", ran.stderr)
    machine("rm -r /etc/systemd/system/*.service.d; systemctl daemon-reload")
    same(len(machine.workers("a")), 8, "README's 8 workers are there")
    with ThreadPoolExecutor(1) as other:
        seeing = other.submit(machine.run, readme_blocks("Seeing it run")[0])
        while not seeing.done():
            machine.client()("GET", "/profile")
    check(seeing.result().returncode == 0 and re.search(r"^GET profile +[1-9]", seeing.result().stdout, re.M),
          "mayflyctl top sees what workers in their sandbox do", seeing.result().stdout, seeing.result().stderr)
    check_file(machine, re.search(r'"token":"(mfs_[^"]+)"', last.stdout).group(1))
    answer = machine.client()("GET", "/metrics")
    check(answer.status == 200 and "mayfly_database_up 1" in answer.text, "and /metrics is open to who was named", answer)
    machine("systemctl start mayfly-sweep")
    check(any("rows removed" in line for line in machine.journal("mayfly-sweep")), "the sweeper sweeps")
    timers = machine("systemctl list-timers --no-legend mayfly-sweep.timer")
    check("mayfly-sweep" in timers, "and has its next time", timers)


def check_upgrade(machine):
    old, updates, processes = machine.workers(), len(machine.journal("mayfly-schema")), machine(NGINX)
    with Ledger(machine) as ledger:
        machine("apt-get install /run/machine/next.deb")
    ledger.judge("upgrade of the package", rolling=True)
    same(machine("dpkg-query -W -f '${Version}' mayfly"), NEXT, "the new version is installed")
    same(old & machine.workers(), set(), "and every worker is of it")
    same(machine(NGINX), processes, "nginx, whose files are the same, keeps its connections")
    check(any("schema is at" in line for line in machine.journal("mayfly-schema")[updates:]),
          "mayfly-schema, which is enabled, was started before", machine.journal("mayfly-schema"))


def check_old_pools(machine):
    """
    The upgrade of a host whose nginx has copies of mayfly's files, which name heavy-a and heavy-b: these serve on, the new pools come
    beside them.
    """
    old, new = ("heavy-a", "heavy-b"), [pool for pool in POOLS if len(pool) > 1]
    machine(f"""
        rm /etc/nginx/conf.d/mayfly-http.conf
        cd /usr/share/mayfly/nginx
        cp mayfly.conf mayfly-host.conf mayfly-limits.conf mayfly-inner.conf /etc/nginx/conf.d/
        cp mayfly-*.conf /etc/nginx/snippets/
        sed -i 's,/usr/share/mayfly/nginx/,snippets/,' /etc/nginx/sites-available/mayfly /etc/nginx/snippets/mayfly-*.conf
        sed -i '/^map "" .mayfly_nginx_http/,/^}}/ s/1;/0;/' /etc/nginx/conf.d/mayfly.conf
        sed -i '/^geo /,/^}}/ s/default  *1;/default 0;/' /etc/nginx/conf.d/mayfly-limits.conf
        sed -Ei 's,/(files|password)-([ab])/,/heavy-\\2/,' /etc/nginx/conf.d/mayfly-host.conf
        echo WORKERS=1 >/etc/default/mayfly-heavy-a
        systemctl start {" ".join(f"mayfly-pool@{pool}" for pool in old)}
        nginx -s reload
        systemctl stop {" ".join(f"mayfly-pool@{pool}" for pool in new)}
        rm -f {" ".join(f"/etc/default/mayfly-{pool}" for pool in new)}""")
    ran = machine.run("apt-get install --reinstall /run/machine/next.deb")
    check("systemctl disable --now mayfly-pool@heavy-a mayfly-pool@heavy-b" in ran.stdout + ran.stderr,
          "yesterday's pools: the package says how they are to end", ran.stdout, ran.stderr)
    states = machine.run("systemctl is-active " + " ".join(f"mayfly-pool@{pool}" for pool in (*old, *new))).stdout.split()
    same(states, ["active"] * 6, "they run on, and the new ones beside them")
    same({pool: len(machine.workers(pool)) for pool in ("password-a", "files-a")}, {"password-a": 1, "files-a": 1},
         "with as many workers as the old ones had")
    login = {"username": "ann", "password": PASSWORD}
    same(machine.client()("POST", "/login", login).headers.get("X-Mayfly-Worker", "")[:5], "heavy", "log-ins go to the old ones")
    machine("systemctl stop mayfly.target; systemctl start mayfly.target")
    same(machine.client()("POST", "/login", login).status, 200, "also after the target was started again")
    machine("""
        rm /etc/nginx/conf.d/mayfly-host.conf
        cp /usr/share/mayfly/nginx/mayfly-host.conf /etc/nginx/conf.d/
        nginx -s reload
        systemctl disable --now mayfly-pool@heavy-a mayfly-pool@heavy-b
        rm /etc/default/mayfly-heavy-a""")
    check(wait_until(5, lambda: machine.client()("POST", "/login", login).headers.get("X-Mayfly-Worker", "")[:8] == "password"),
          "with nginx's new files they go to the new ones, and the old ones end")


def check_old_copies(machine):
    """Copies of nginx's files, as earlier releases wanted them: a request tells, and README's command replaces them by links."""
    ready = machine.client()("GET", "/health/ready")
    told = {"state": "old files", "found": 0, "needed": NUMBER, "command": readme_blocks("Afterwards")[2]}
    same((ready.status, ready.json()["nginx"]), (200, told), "/health/ready tells of old copies, and README's command")
    lines = [line for pool in POOLS for line in machine.journal(f"mayfly-pool@{pool}") if '"event":"old_nginx_files"' in line]
    check(lines and told["command"] in lines[-1], "and so does the journal", lines[-3:])
    machine(told["command"])
    check(wait_until(5, lambda: machine.client()("GET", "/health/ready").json()["nginx"] == {"state": "current"}), "with the command they are current")
    machine("test -L /etc/nginx/conf.d/mayfly.conf -a -L /etc/nginx/snippets/mayfly-params.conf -a ! -L /etc/nginx/conf.d/mayfly-limits.conf")
    processes = machine(NGINX)
    machine("echo '# of the version before' >>/usr/share/mayfly/nginx/mayfly-small.conf; apt-get install --reinstall /run/machine/next.deb")
    check(wait_until(5, lambda: not set(machine(NGINX).split()) & set(processes.split())), "an upgrade that changes them reloads nginx")


def check_old_schema(machine):
    """The upgrade when nobody updates the schema: what runs is left to run, and the message has the commands."""
    last = "(SELECT max(number) FROM mayfly.schema_change)"
    number = machine.psql(f"SELECT {last}")
    workers = machine.workers()
    machine("systemctl disable mayfly-schema")
    machine.psql(f"UPDATE mayfly.schema_change SET number = 0 WHERE number = {last}")
    ran = machine.run("apt-get install --reinstall /run/machine/next.deb")
    said = ran.stdout + ran.stderr
    check(ran.returncode == 0 and f"this build needs {number}" in said and "pools were not restarted" in said,
          "an old schema: the package says that and is installed", said)
    same(machine.workers(), workers, "no pool is restarted")
    ready = machine.client()("GET", "/health/ready")
    check(ready.status == 503 and ready.json()["database"]["state"] == "old schema", "/health/ready says what is wrong", ready)
    same(machine.client()("GET", "/health/live").status, 200, "which is no reason to say more than that")
    machine.psql(f"UPDATE mayfly.schema_change SET number = {number} WHERE number = 0")
    for command in re.findall(r"(?m)^    ([^#\n]+)", said):
        machine(command)
    same(workers & machine.workers(), set(), "with its commands every worker is a new one")
    same(machine.client()("GET", "/health/ready").status, 200, "and ready")
    machine("systemctl enable mayfly-schema")


def check_removal(machine):
    machine("apt-get remove mayfly")
    same(machine.run("pgrep -c mayfly-worker").stdout.strip(), "0", "remove: no worker is left")
    check(machine.run("test -s /etc/mayfly/secret && test -s /etc/mayfly/mayfly.conf").returncode == 0,
          "remove: the configuration stays")
    machine("apt-get install /run/machine/next.deb && systemctl start mayfly.target")
    same(machine.client()("GET", "/health/ready").status, 200, "installed again, it answers as before")
    machine("apt-get purge mayfly && systemctl daemon-reload")
    left = machine.run("find / -xdev -name '*mayfly*' -not -path '/tmp/*' -not -path '/proc/*' -not -path '/var/lib/postgresql/*' "
                       f"-not -path '/etc/nginx/*' -not -path '/var/log/*' -not -path '/{CHECKOUT.parts[1]}/*' -newer /run/machine/hosts").stdout.split()
    # The administrator's own: what README's scaling wrote.
    same(sorted(set(left) - {f"/etc/default/mayfly-{pool}" for pool in POOLS}), [], "purge: nothing is left")
    same(machine("systemctl list-units --all --no-legend 'mayfly*'").split(), [], "purge: systemd has forgotten the units")
    same(machine.run("systemctl --failed --no-legend").stdout, "", "and nothing has failed meanwhile")


def main():
    require()
    deb = package()
    check_package(deb)
    check_pages(deb)
    with tempfile.TemporaryDirectory() as folder:
        upgrade = next_version(deb, folder)
        with Machine(deb, upgrade) as machine:
            check_deployment(machine)
            check_upgrade(machine)
            check_old_pools(machine)
            check_old_copies(machine)
            check_old_schema(machine)
            check_removal(machine)
    done()


main()
