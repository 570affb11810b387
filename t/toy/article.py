#!/usr/bin/python3
"""
The program of the article that mayfly began with, in two forms: a Flask application with log-ins, carts and uploads.

  article.py dictionary FOLDER    sessions and a cache of carts in the process's memory, uploads in a folder of its own
  article.py shared SOCKET        all of it in Redis

It listens on 127.0.0.1:$PORT. Whichever form it has, one process alone is right; mayfly-prove starts two.
ARTICLE_SIN=doubled orders twice what is ordered with a repetition; ARTICLE_SIN=revived answers a log-out and keeps the
session.
"""

import json
import os
import secrets
import sqlite3
import sys
from pathlib import Path

import flask
import redis
from werkzeug.serving import WSGIRequestHandler, make_server

SIN = os.environ.get("ARTICLE_SIN")


class Dictionary:
    """What most tutorials show. Carts are in a database, behind a cache that each process has for itself."""

    def __init__(self, folder):
        self.sessions, self.cache = {}, {}
        self.database = Path(folder) / "carts"
        self.disk = Path(folder) / f"disk-{secrets.token_hex(4)}"
        self.disk.mkdir()
        self.run("CREATE TABLE IF NOT EXISTS cart (user TEXT PRIMARY KEY, cart TEXT)")

    def run(self, statement, *values):
        with sqlite3.connect(self.database, timeout=30) as connection:
            return connection.execute(statement, values).fetchone()

    def begin(self, user):
        token = secrets.token_hex(16)
        self.sessions[token] = user
        return token

    def user(self, token):
        return self.sessions.get(token)

    def end(self, token):
        self.sessions.pop(token, None)

    def write(self, user, cart):
        self.run("INSERT INTO cart VALUES (?, ?) ON CONFLICT (user) DO UPDATE SET cart = excluded.cart", user, cart)
        self.cache[user] = cart

    def read(self, user):
        if user not in self.cache:
            row = self.run("SELECT cart FROM cart WHERE user = ?", user)
            if row is None:
                return None
            self.cache[user] = row[0]
        return self.cache[user]

    def keep(self, name, data):
        (self.disk / name).write_bytes(data)

    def find(self, name):
        path = self.disk / name
        return path.read_bytes() if path.exists() else None


class Shared:
    def __init__(self, socket):
        self.redis = redis.Redis(unix_socket_path=socket)

    def begin(self, user):
        token = secrets.token_hex(16)
        self.redis.set(f"session:{token}", user)
        return token

    def user(self, token):
        user = self.redis.get(f"session:{token}")
        return user.decode() if user else None

    def end(self, token):
        self.redis.delete(f"session:{token}")

    def write(self, user, cart):
        self.redis.set(f"cart:{user}", cart)

    def read(self, user):
        cart = self.redis.get(f"cart:{user}")
        return cart.decode() if cart else None

    def keep(self, name, data):
        self.redis.set(f"file:{name}", data)

    def find(self, name):
        return self.redis.get(f"file:{name}")


STORE = {"dictionary": Dictionary, "shared": Shared}[sys.argv[1]](sys.argv[2])
app = flask.Flask(__name__)


def logged_in():
    user = STORE.user(flask.request.cookies.get("sid", ""))
    if user is None:
        flask.abort(401)
    return user


@app.after_request
def name(response):
    response.headers["X-Served-By"] = f"article/{os.getpid()}"
    return response


@app.post("/login")
def login():
    response = flask.make_response({"user": flask.request.form["user"]})
    response.set_cookie("sid", STORE.begin(flask.request.form["user"]), httponly=True)
    return response


@app.post("/logout")
def logout():
    logged_in()
    if SIN != "revived":
        STORE.end(flask.request.cookies["sid"])
    return "", 204


@app.get("/me")
def me():
    return {"user": logged_in()}


@app.put("/carts/<user>")
def put_cart(user):
    STORE.write(user, flask.request.get_data(as_text=True))
    return "", 204


@app.get("/carts/<user>")
def get_cart(user):
    cart = STORE.read(user)
    return flask.Response(cart, mimetype="application/json") if cart else ("", 404)


@app.post("/orders")
def order():
    """What is ordered twice with one key is ordered once."""
    user = logged_in()
    orders = json.loads(STORE.read(f"orders-{user}") or "[]")
    if SIN == "doubled" or flask.request.headers["Idempotency-Key"] not in orders:
        orders.append(flask.request.headers["Idempotency-Key"])
    STORE.write(f"orders-{user}", json.dumps(orders))
    return "", 204


@app.post("/upload")
def upload():
    logged_in()
    file_id = secrets.token_hex(8)
    STORE.keep(file_id, flask.request.files["file"].read())
    return {"id": file_id}, 201


@app.get("/files/<file_id>")
def download(file_id):
    data = STORE.find(file_id)
    return flask.Response(data, mimetype="text/plain") if data is not None else ("", 404)


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):  # pylint: disable=arguments-differ
        pass


def main():
    server = make_server("127.0.0.1", int(os.environ["PORT"]), app, threaded=True, request_handler=Quiet)
    server.daemon_threads = True
    server.serve_forever()


main()
