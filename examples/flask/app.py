"""Notes: each account has its own, in mayfly. What was done is said once, by Flask's session, which is in mayfly too."""

import os
import secrets

from flask import Flask, flash, redirect, render_template, request
from mayfly_sessions import MayflySessions

app = Flask(__name__)
app.session_interface = MayflySessions(os.environ["MAYFLY_URL"], os.environ["MAYFLY_KEY"])


def keep(change=lambda mine: mine):
    """Changes what mayfly keeps of whoever is logged in: {"notes": [{"id", "text"}, ...]}."""
    return app.session_interface.change_account(request.headers["X-Auth-Id"], change)


@app.get("/")
def index():
    return render_template("index.html", notes=keep().get("notes", []), user=request.headers["X-Auth-User"], home=os.environ["MAYFLY_HOME"])


@app.post("/notes")
def add():
    text = request.form.get("text", "").strip()[:1000]
    if text:
        note = {"id": secrets.token_hex(8), "text": text}
        keep(lambda mine: {**mine, "notes": [note, *mine.get("notes", [])][:50]})
        flash("It is noted.")
    return redirect("/", 303)


@app.post("/notes/<id>/remove")
def remove(id):
    keep(lambda mine: {**mine, "notes": [note for note in mine.get("notes", []) if note["id"] != id]})
    flash("It is gone.")
    return redirect("/", 303)


@app.after_request
def each_time(answer):
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer
