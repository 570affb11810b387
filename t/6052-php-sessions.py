#!/usr/bin/python3
"""
examples/php-sessions under two php-fpm pools: with PHP's own files carts are lost when pools are replaced; with its two lines changed
nothing is lost while they are killed, requests of one session take turns, and an outage is no empty session.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import shops
from fastcgi import ask
from mayfly import done

FPM = next(iter(sorted(Path("/usr/sbin").glob("php-fpm*"))), None) or shutil.which("php-fpm")
if not FPM:
    print("1..0 # SKIP there is no php-fpm; apt-get install php-fpm")
    sys.exit()
SHOP = shops.EXAMPLES / "php-sessions" / "shop.php"


def begin(number, folder, environment):
    """A pool of its own, as on a host of its own: its session files are nobody else's."""
    files = Path(tempfile.mkdtemp(dir=folder))
    files.chmod(0o777)
    passed = "".join(f"env[{name}] = '{environment[name]}'\n" for name in ("MAYFLY_URL", "MAYFLY_KEY", "SHOP_SESSIONS", "SHOP_LOCK") if environment.get(name))
    config = folder / f"fpm-{number}.conf"
    (folder / f"fpm-{number}.sock").unlink(missing_ok=True)
    config.write_text(f"[global]\nerror_log = {folder}/log\ndaemonize = no\n[shop]\nlisten = {folder}/fpm-{number}.sock\n"
                      "user = nobody\ngroup = nogroup\npm = static\npm.max_children = 6\ncatch_workers_output = yes\n"
                      f"php_admin_value[session.save_path] = {files}\nphp_admin_flag[display_errors] = off\n{passed}")
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([str(FPM), "-n", "-R", "-y", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def request(number, folder, method, query, headers):
    return ask(folder / f"fpm-{number}.sock", {
        "SCRIPT_FILENAME": SHOP, "REQUEST_METHOD": method, "QUERY_STRING": query, "REQUEST_URI": "/", "SERVER_PROTOCOL": "HTTP/1.1",
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}})


def ready(number, folder):
    return (folder / f"fpm-{number}.sock").exists()


def program(folder, **environment):
    return shops.Program(begin, request, ready, folder, **environment)


shops.judge(program)
done()
