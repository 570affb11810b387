"""
Flask's sessions in mayfly: any process on any host has them. Requests of one session take turns; what can't be written is said, and
never lost in silence. README.md has the two lines that use this.
"""

import email.utils
import json
import re
import secrets
import time
import urllib.error
import urllib.request

from flask.sessions import SessionInterface, SessionMixin, session_json_serializer as tagged
from werkzeug.exceptions import Conflict, ServiceUnavailable

ID = re.compile(r"[A-Za-z0-9_-]{43}")


class Session(dict, SessionMixin):
    """As Flask's own. renew() gives it another id, which a log-in should."""

    def __init__(self, id=None, etag=None, data=(), locked=False):
        super().__init__(data)
        self.id, self.etag, self.locked, self.renewed = id, etag, locked, False
        self.before = self.document()

    def document(self):
        """As JSON; what JSON has no words for, such as a time, has Flask's own."""
        return {"data": json.loads(tagged.dumps(dict(self)))}

    @property
    def modified(self):
        return self.renewed or self.document() != self.before

    @modified.setter
    def modified(self, value):
        pass  # it is compared

    def renew(self):
        self.renewed = True


class Away(Session):
    """While mayfly is away: no empty session, but 503 for whoever looks into it."""

    def __init__(self):
        dict.__init__(self)

    def refuse(self, *_, **__):
        raise ServiceUnavailable("the sessions are not available just now", retry_after=1)

    __getitem__ = __setitem__ = __delitem__ = __contains__ = __iter__ = __len__ = get = keys = items = values = pop = popitem = refuse
    setdefault = update = clear = renew = refuse


class MayflySessions(SessionInterface):
    """lock_seconds: how long a request may have the session, at most; 0: requests take no turns, and of two that write one is 409."""

    session_class = Session

    def __init__(self, url, key, lock_seconds=30, idle_seconds=1800):
        self.url, self.key, self.lock_seconds, self.idle_seconds = url.rstrip("/"), key, lock_seconds, idle_seconds

    def is_null_session(self, obj):
        return obj is None or isinstance(obj, Away)

    def open_session(self, app, request):
        id, account = request.cookies.get(self.get_cookie_name(app), ""), self.account(request)
        try:
            return self._open(id, account) if ID.fullmatch(id) else Session()
        except ServiceUnavailable:
            return Away()

    def _open(self, id, account):
        place, patience = self._place(id, account), time.monotonic() + 2 * self.lock_seconds + 1
        while time.monotonic() < patience:
            status, etag, now, document = self.call("GET", place, (200, 404))
            if status == 404:
                return Session()
            if not self.lock_seconds:
                return Session(id, etag, tagged.loads(json.dumps(document["data"])))
            if document.get("lock", {}).get("until", 0) <= now:
                lock = {"lock": {"by": secrets.token_hex(8), "until": now + self.lock_seconds}}
                status, etag, *_ = self.call("PATCH", place, (200, 404, 412), lock, {"If-Match": etag})
                if status == 200:
                    return Session(id, etag, tagged.loads(json.dumps(document["data"])), locked=True)
            time.sleep(0.01 + secrets.randbelow(30) / 1000)  # another request has it
        raise ServiceUnavailable("the session is in use", retry_after=1)

    def save_session(self, app, session, response):
        name, path, domain = self.get_cookie_name(app), self.get_cookie_path(app), self.get_cookie_domain(app)
        old, account = session.id, self.account()
        if not session and old:
            self.call("DELETE", self._place(old, account), (204, 404))
            response.delete_cookie(name, path=path, domain=domain)
        elif session and (session.renewed or not old):
            session.id = secrets.token_urlsafe(32)
            self.call("PUT", self._place(session.id, account), (201,), session.document(), {"If-None-Match": "*"})
            if old:
                self.call("DELETE", self._place(old, account), (204, 404))
        elif old and (session.locked or session.modified):
            status, *_ = self.call("PUT", self._place(old, account), (200, 412), session.document(), {"If-Match": session.etag})
            if status == 412 and session.modified:
                raise Conflict("another request has changed or ended this session meanwhile")
        if session and session.id != old:
            response.set_cookie(name, session.id, httponly=True, path=path, domain=domain, secure=self.get_cookie_secure(app),
                                samesite=self.get_cookie_samesite(app) or "Lax")

    @staticmethod
    def account(request=None):
        """Who the visitor is, as mayfly's gate says; empty for a guest."""
        if request is None:
            from flask import request
        return request.headers.get("X-Auth-Id", "")

    def change_account(self, account, change):
        """
        Changes what the app keeps of an account: change is given the document and returns the one that is to be, the same to read
        only. It runs again when another request was faster.
        """
        place = f"/app/accounts/{account}"
        while True:
            status, etag, _, document = self.call("GET", place, (200, 404))
            before = json.dumps(document if status == 200 else {})
            after = change(json.loads(before))
            if json.dumps(after) == before:
                return after
            condition = {"If-Match": etag} if status == 200 else {"If-None-Match": "*"}
            if self.call("PUT", place, (200, 201, 412), after, condition)[0] != 412:
                return after

    def _place(self, id, account):
        return f"/app/sessions/{id}?idle={self.idle_seconds}&account={account}"

    def call(self, method, path, expected, body=None, headers=()):
        """(status, ETag, mayfly's time, document); anything but the statuses that are expected is no answer, and no session."""
        fields = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", "Accept": "application/json", **dict(headers)}
        asked = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(), fields, method=method)
        try:
            answer = urllib.request.urlopen(asked, timeout=10)
        except urllib.error.HTTPError as refused:
            answer = refused
        except OSError as away:
            raise ServiceUnavailable("the sessions are not available just now", retry_after=1) from away
        with answer:
            text = answer.read()
        if answer.status not in expected:
            raise ServiceUnavailable(f"mayfly answers {answer.status}", retry_after=1)
        now = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
        return answer.status, answer.headers["ETag"], int(now), json.loads(text) if text else {}
