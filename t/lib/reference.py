"""doc/openapi.json, and a client whose every request and answer is held against it."""

import json
import re
import secrets
import urllib.parse
from collections import defaultdict

from jsonschema import Draft202012Validator

from files import CHUNK, TUS
from mayfly import CHECKOUT, FORM, PROBLEM, Client, check, note

JSON_TYPES = ("application/json", "application/merge-patch+json")
# What the introduction says of every answer, and what nginx and HTTP add.
ANY_ANSWER = {"x-request-id", "x-content-type-options", "vary", "cache-control", "x-mayfly-worker", "strict-transport-security",
              "content-security-policy", "referrer-policy", "x-frame-options", "cross-origin-resource-policy", "x-robots-tag",
              "date", "server", "connection", "keep-alive", "content-type", "content-length", "transfer-encoding"}
# Of a request: what says who asks, or how the answer should be, and is in the introduction and the security schemes.
ANY_REQUEST = {"accept", "authorization", "cookie", "content-type", "content-length", "origin", "sec-fetch-site", "user-agent",
               "x-csrf-token", "x-http-method-override"}


def load():
    return json.loads((CHECKOUT / "doc" / "openapi.json").read_text())


def table():
    """(METHOD, /path/{parameter}, NEED, line of its row) of each row of the routes' table, but for what only nginx asks, for the gate."""
    found = re.findall(r'\{METHOD_([A-Z]+), "([^"]+)", NEED_([A-Z]+), (.*)', (CHECKOUT / "src/app/routes.c").read_text())
    if len(found) < 50:
        raise RuntimeError("src/app/routes.c can't be read")
    return [(method, re.sub(r":(\w+)", r"{\1}", path), need, rest) for method, path, need, rest in found if "AT_SITE" not in rest]


def reason(error):
    """What is wrong; of a choice, with the one that comes nearest."""
    while error.context:
        choices = defaultdict(list)
        for one in error.context:
            choices[one.schema_path[0]].append(one)
        error = min(choices.values(), key=len)[0]
    return error.message


class Reference:
    def __init__(self):
        self.document = load()
        self.operations = {(method.upper(), path): operation for path, methods in self.document["paths"].items()
                           for method, operation in methods.items()}
        # Those without a parameter come first, as they do in the table.
        self.patterns = [(path, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + r"\Z"))
                         for path in sorted(self.document["paths"], key=lambda path: path.count("{"))]
        self.seen = defaultdict(int)  # ("answer", METHOD, path, status) and the like: how often
        self.complaints = 0

    def resolve(self, node):
        """What a $ref leads to, with the siblings that say more."""
        while "$ref" in node:
            target = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
        return node

    def place(self, schema, otherwise):
        """By which a schema is known: its component's address, wherever it is used."""
        return schema.get("$ref", otherwise)

    def wrong(self, schema, value):
        """What is wrong with a value by a schema of the document, as lines."""
        whole = {"allOf": [schema], "components": self.document["components"]}
        return [f"{error.json_path}: {reason(error)}"[:300] for error in Draft202012Validator(whole).iter_errors(value)]

    def walk(self, kind, schema, place, value, note_one):
        """Tells note_one of each property, type and word that a value shows of its schema."""
        place = self.place(schema, place)
        schema = self.resolve(schema)
        for one in schema.get("oneOf", ()):
            if not self.wrong(one, value):
                return self.walk(kind, one, place, value, note_one)
        if isinstance(schema.get("type"), list):
            note_one((kind, place, "null" if value is None else type(value).__name__))
        if "enum" in schema:
            note_one((kind, place, value))
        if isinstance(value, dict):
            for name, inner in schema.get("properties", {}).items():
                note_one((kind, f"{place}/{name}", "there" if name in value else "absent"))
                if name in value:
                    self.walk(kind, inner, f"{place}/{name}", value[name], note_one)
        elif isinstance(value, list) and "items" in schema:
            for one in value:
                self.walk(kind, schema["items"], f"{place}/items", one, note_one)

    def promises(self, kind, schema, place, note_one, been=None):
        """Tells note_one of all that walk could meet."""
        been = set() if been is None else been
        place = self.place(schema, place)
        if place in been:
            return
        been.add(place)
        schema = self.resolve(schema)
        names = {"string": "str", "integer": "int", "boolean": "bool", "array": "list", "null": "null"}
        if isinstance(schema.get("type"), list):
            for one in schema["type"]:
                note_one((kind, place, names[one]))
        for one in schema.get("enum", ()):
            note_one((kind, place, one))
        for one in schema.get("oneOf", ()):
            self.promises(kind, one, place, note_one, been)
        for name, inner in schema.get("properties", {}).items():
            note_one((kind, f"{place}/{name}", "there"))
            if name not in schema.get("required", ()):
                note_one((kind, f"{place}/{name}", "absent"))
            self.promises(kind, inner, f"{place}/{name}", note_one, been)
        if "items" in schema:
            self.promises(kind, schema["items"], f"{place}/items", note_one, been)

    # --- one request with its answer

    def operation_of(self, method, path):
        """(method, path) as the document has them, or None: what HEAD asks of a GET is in the GET."""
        for known, pattern in self.patterns:
            for one in (method, "GET") if method == "HEAD" else (method,):
                if (one, known) in self.operations and pattern.match(path):
                    return one, known
        return None

    def judge(self, method, target, fields, body, answer):
        path, _, query = target.partition("?")
        headers = {name.lower(): value for name, value in fields}
        if method == "POST" and path.startswith("/uploads/"):
            method = headers.get("x-http-method-override", method)
        known = self.operation_of(method, path)
        if known is None:
            wrong, fresh = self.judge_outside(method, answer), False
        else:
            fresh = not self.seen["answer", *known, answer.status]
            self.seen["answer", *known, answer.status] += 1
            wrong = self.judge_answer(known, method, answer)
            if answer.status < 400:
                wrong += self.judge_request(known, urllib.parse.parse_qs(query, keep_blank_values=True), headers, body)
        if fresh or wrong:
            self.complaints += bool(wrong)
            check(not wrong, f"{method} {known[1] if known else path}: {answer.status}", *wrong[:5], answer)

    def judge_outside(self, method, answer):
        """What is no route: 404, 405 and OPTIONS, which the introduction tells of."""
        if answer.status == 204 and method == "OPTIONS":
            return [] if answer.headers.get("allow") else ["no Allow"]
        by_status = {404: "NotFound", 405: "MethodNotAllowed", 400: "BadRequest", 413: "TooLarge", 429: "TooManyRequests"}
        if answer.status not in by_status:
            return [f"{answer.status} is in no introduction"]
        return self.judge_response(by_status[answer.status], self.document["components"]["responses"][by_status[answer.status]],
                                   method, answer)

    def judge_answer(self, known, method, answer):
        response = self.operations[known]["responses"].get(str(answer.status))
        if response is None:
            return [f"{answer.status} is not listed"]
        return self.judge_response((*known, answer.status), self.resolve(response), method, answer)

    def judge_response(self, known, response, method, answer):
        wrong, listed = [], set(ANY_ANSWER)
        for name, header in response.get("headers", {}).items():
            listed.add(name.lower())
            header = self.resolve(header)
            value = answer.headers.get(name)
            if value is None:
                wrong += [f"{name} is not there"] if header.get("required") else []
                continue
            self.seen["header", known, name] += 1
            schema = self.resolve(header["schema"])
            if schema.get("type") == "integer":
                value = int(value) if re.fullmatch(r"-?\d+", value) else value
            wrong += [f"{name}: {one}" for one in self.wrong(schema, value)]
        wrong += [f"the header {name} is not listed" for name in answer.headers if name not in listed]
        wrong += [f"{name} is not there, as the introduction says" for name in ("x-request-id", "x-content-type-options")
                  if name not in answer.headers]
        return wrong + self.judge_body(known, response, method, answer)

    def judge_body(self, known, response, method, answer):
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        content = response.get("content", {})
        if method == "HEAD" or not answer.body:
            return []
        name = kind if kind in content else "*/*"
        if name not in content:
            return [f"{kind or 'a body without a type'} is not listed"]
        self.seen["content", known, name] += 1
        schema = content[name].get("schema")
        if schema is None:
            return []
        value = json.loads(answer.body) if kind in ("application/json", PROBLEM) else answer.text
        wrong = self.wrong(schema, value)
        if not wrong:
            self.walk("answer", schema, f"{known}", value, self.note_seen)
        if kind == PROBLEM and value.get("status") != answer.status:
            wrong.append(f"the problem says {value.get('status')}")
        return wrong

    def note_seen(self, one):
        self.seen[one] += 1

    # --- what a request that was done had

    def judge_request(self, known, query, headers, body):
        operation, wrong, named = self.operations[known], [], set(ANY_REQUEST)
        for parameter in map(self.resolve, operation.get("parameters", ())):
            name, where = parameter["name"], parameter["in"]
            value = headers.get(name.lower()) if where == "header" else query.get(name, [None])[-1] if where == "query" else ""
            if where == "header":
                named.add(name.lower())
            if value is None:
                wrong += [f"was done without {name}, which is required"] if parameter.get("required") else []
            elif where != "path":
                self.seen["parameter", name, where] += 1
                schema = self.resolve(parameter["schema"])
                if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value):
                    value = int(value)
                wrong += [f"was done with {name} = {value!r}: {one}" for one in self.wrong(schema, value)]
        unknown = {name for name in headers if name not in named}
        return wrong + [f"was done with {name}, which is not listed" for name in sorted(unknown)] + self.judge_sent(known, headers, body)

    def judge_sent(self, known, headers, body):
        content = self.operations[known].get("requestBody", {}).get("content", {})
        kind = headers.get("content-type", "").partition(";")[0]
        if not body and kind != FORM:
            return []
        name = kind if kind in content else "*/*"
        if name not in content:
            return [f"was done with a body of {kind!r}, which is not listed"] if kind else []
        self.seen["sent", known, name] += 1
        schema = content[name].get("schema")
        if schema is None or name == "multipart/form-data":
            return []
        text = body.decode() if isinstance(body, bytes) else body
        value = dict(urllib.parse.parse_qsl(text, keep_blank_values=True)) if kind == FORM else json.loads(text)
        wrong = [f"was done with another body: {one}" for one in self.wrong(schema, value)]
        whole = self.resolve(schema)
        if "properties" in whole and isinstance(value, dict):
            wrong += [f"was done with {one!r} in its body, which is not listed" for one in value if one not in whole["properties"]]
        self.walk("request", schema, f"{known}", value, self.note_seen)
        return wrong

    # --- what was never seen

    def unseen(self, operations, excused):
        """
        What the document says of these operations and no request has shown. excused: what can't be shown here, each with its
        reason; a key is a whole promise, or the status that all of them have in common.
        """
        promised = []
        for known in operations:
            operation = self.operations[known]
            for name, parameter in ((self.resolve(one)["name"], self.resolve(one)) for one in operation.get("parameters", ())):
                if parameter["in"] != "path":
                    promised.append(("parameter", name, parameter["in"]))
            for name, media in operation.get("requestBody", {}).get("content", {}).items():
                promised.append(("sent", known, name))
                if name != "multipart/form-data":
                    self.promises("request", media.get("schema", {}), f"{known}", promised.append)
            for status, response in operation["responses"].items():
                response, place = self.resolve(response), (*known, int(status))
                promised.append(("answer", *place))
                promised += [("header", place, name) for name in response.get("headers", {})]
                for name, media in response.get("content", {}).items():
                    if int(status) < 400:
                        promised.append(("content", place, name))
                    self.promises("answer", media.get("schema", {}), f"{place}", promised.append)
        left = []
        for one in dict.fromkeys(promised):
            if self.seen[one] or one in excused:
                continue
            status = one[3] if one[0] == "answer" and len(one) == 4 else one[1][2] if one[0] == "header" else None
            if status in excused or (status is not None and ("answer", *(one[1:] if one[0] == "answer" else one[1])) in excused):
                continue
            left.append(one)
        for one, reason in excused.items():
            if isinstance(one, tuple) and self.seen[one]:
                note(f"{one} was seen, though it is excused: {reason}")
        return left


# --- requests that are held against it


class Watched(Client):
    """A client whose requests are held against the reference."""

    reference = None

    def _exchange(self, method, path, body, fields):
        answer = super()._exchange(method, path, body, fields)
        self.reference.judge(method, path, fields, body, answer)
        return answer


def status(answer, wanted, what):
    """The answer. What is wrong with it by the reference, the client has said."""
    if answer.status != wanted:
        check(False, f"{what} is {wanted}", answer)
    return answer


def twice(client, method, path, wanted, other=True, headers=(), **more):
    """With a key of its own, again with the same key, and once with the key for something else."""
    headers = {"Idempotency-Key": f"reference-{secrets.token_hex(8)}", **dict(headers)}
    first = status(client.request(method, path, headers=headers, **more), wanted, f"{method} {path}")
    again = status(client.request(method, path, headers=headers, **more), wanted, f"{method} {path} again")
    if again.headers.get("idempotent-replayed") != "true":
        check(False, f"{method} {path}: a repetition says that it is one", again)
    if other:
        status(client.request(method, f"{path}?something=else", headers=headers, **more), 422, f"{method} {path} with the key of another")
    return first


# These look at their password before their key.
PASSWORDS = ("/login", "/register", "/password", "/profile", "/profile/delete")
BODIES = {"/keys": {"name": "x", "scopes": ["gate"]}, "/login": {}, "/register": {}, "/password": {}, "/profile": {"name": "x"}, "/profile/delete": {}, "/files/{id}": {"name": "x"},
          "/files/{id}/rename": {"name": "x"}, "/files/direct": {"size": 5}, "/files/{id}/parts": {"parts": [{"part": 1, "etag": "x"}]}}


def send(client, method, path, place, headers=(), **more):
    """The request of an operation as it would be done, but for what is to be refused."""
    fields = dict(TUS) if path.startswith("/uploads") and method != "OPTIONS" else {}
    if path.startswith("/uploads") and method == "POST":
        fields["Upload-Length"] = "5"
    if path.startswith("/uploads") and method == "PATCH":
        fields.update({"Upload-Offset": "0", "Content-Type": CHUNK})
        more.setdefault("body", b"hello")
    if path.startswith("/app/") and method == "PUT":
        fields["If-Match"] = "*"
    if not more and path.startswith("/app/") and method in ("PUT", "PATCH"):
        more["json"] = {}
    if not more and method in ("POST", "PUT", "PATCH", "DELETE") and (path in BODIES or path.endswith("/data") and method != "DELETE"):
        more["json"] = BODIES.get(path, {"name": "x"})
    return client.request(method, place, headers={**fields, **dict(headers)}, **more)


def refuse(key, fill, client, browser):
    """
    What an operation refuses whoever asks and whatever there is. fill gives its path with things that are there, and with things
    that are not; client has a token, browser a cookie.
    """
    (method, path), operation = key, Watched.reference.operations[key]
    what, place, listed = f"{method} {path}", fill(path, True), operation["responses"]
    taken = {one["$ref"].rpartition("/")[2] for one in operation.get("parameters", ()) if "$ref" in one}
    reads_body = "415" in listed and not path.startswith(("/upload", "/files/{id}/thumbnail"))
    as_json = {"Content-Type": "application/json"}

    def refused(wanted, why, who=client, headers=(), where=place, **more):
        status(send(who, method, path, where, headers, **more), wanted, f"{what}: {why}")

    if operation["security"] and {} not in operation["security"]:
        refused(401, "a guest", who=Watched())
    if "403" in listed and operation["security"]:
        refused(403, "from another site", who=browser, headers={"Sec-Fetch-Site": "cross-site"})
    if method == "OPTIONS":
        refused(400, "a length that is none", headers={"Content-Length": "x"})
        refused(413, "a long body", body=b" " * 140_000)
    elif method != "POST" or "IfMatch" in taken:
        refused(400, "no tag", headers={"If-Match": "nonsense"})
        refused(412, "another tag", headers={"If-Match": '"other"'})
    if "IdempotencyKey" in taken and path not in PASSWORDS:
        refused(400, "a key that is none", headers={"Idempotency-Key": "not visible"})
    if "404" in listed and "{" in path:
        refused(404, "nothing there", where=fill(path, False))
    if "413" in listed and not path.startswith(("/upload", "/files/{id}/thumbnail")):
        refused(413, "a long body", headers=as_json, body=b" " * 140_000)
    if reads_body:
        refused(415, "XML", headers={"Content-Type": "text/xml"}, body="<a/>")
        refused(400, "no JSON", headers=as_json, body="{")
        refused(422, "no object", headers=as_json, body="[]")
