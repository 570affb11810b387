"""A cart in Flask's session. With SHOP_SESSIONS=before it is as it was before its two lines were changed."""

import os
import secrets

from flask import Flask, jsonify, request, session
from flask.sessions import SessionInterface, SecureCookieSession

app = Flask(__name__)


class Memory(SessionInterface):
    """A dictionary of this process: the mistake that is to be mended."""

    kept = {}

    def open_session(self, app, request):
        self.kept.setdefault(request.cookies.get("session", ""), {})
        return SecureCookieSession(self.kept.get(request.cookies.get("session", ""), {}))

    def save_session(self, app, session, response):
        id = request.cookies.get("session") or secrets.token_urlsafe(32)
        self.kept[id] = dict(session)
        response.set_cookie("session", id, httponly=True, samesite="Lax")


if os.environ.get("SHOP_SESSIONS"):
    app.session_interface = Memory()
else:
    from mayfly_sessions import MayflySessions
    app.session_interface = MayflySessions(os.environ["MAYFLY_URL"], os.environ["MAYFLY_KEY"], int(os.environ.get("SHOP_LOCK", "30")))


def add(cart, item, count):
    return {**cart, item: cart.get(item, 0) + count}


def join(account):
    """What a visitor had in his cart before the log-in joins what he has: each cart once, however often this is tried."""
    def change(mine):
        if session["name"] not in mine.get("joined", []):
            mine["joined"] = [*mine.get("joined", []), session["name"]][-20:]
            for item, count in session["cart"].items():
                mine["cart"] = add(mine.get("cart", {}), item, count)
        return mine

    app.session_interface.change_account(account, change)
    del session["cart"], session["name"]
    session["since"] = "log-in"
    session.renew()


@app.route("/", methods=("GET", "POST"))
def shop():
    account, item = request.headers.get("X-Auth-Id", ""), request.args.get("item", "")
    if account and "cart" in session:
        join(account)
    if account:
        cart = app.session_interface.change_account(
            account, lambda mine: {**mine, "cart": add(mine.get("cart", {}), item, 1)} if request.method == "POST" else mine).get("cart", {})
    else:
        if request.method == "POST":
            session.setdefault("name", secrets.token_hex(8))
            session["cart"] = add(session.get("cart", {}), item, 1)
        cart = session.get("cart", {})
    return jsonify(cart=cart, process=os.getpid())
