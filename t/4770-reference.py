#!/usr/bin/python3
"""doc/openapi.json is a valid description by OpenAPI 3.1 of exactly the routes that there are, with the limits that the code has."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import reference
from jsonschema import Draft202012Validator
from mayfly import CHECKOUT, check, done, same

DOCUMENT = reference.load()
COMPONENTS = DOCUMENT["components"]
OPERATIONS = {(method.upper(), path): operation for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()}


def words(node, at=""):
    """(place, object) of each object in the document."""
    if isinstance(node, dict):
        yield at, node
    for name, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from words(inner, f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}")


ALL = dict(words(DOCUMENT))

# --- the frame, as OpenAPI 3.1.0 has it, of what is used here: nothing else may be there, so nothing is misspelt


def frame(needed, more="", /, **inner):
    """An object with these members, and perhaps with more; what is not said of them in inner is a text."""
    return {"type": "object", "required": needed.split(), "additionalProperties": False,
            "properties": {name: inner.get(name, {"type": "string", "minLength": 1}) for name in f"{needed} {more}".split()}}


def by_name(inner, names=r"^[A-Za-z0-9._-]+$", least=0):
    return {"type": "object", "propertyNames": {"pattern": names}, "additionalProperties": inner, "minProperties": least}


def or_ref(kind, inner):
    return {"if": {"required": ["$ref"]}, "then": frame("$ref", "summary description", **{"$ref": {"pattern": f"^#/components/{kind}/"}}),
            "else": inner}


TRUE, SCHEMA = {"const": True}, {"type": "object"}
CONTENT = by_name(frame("", "schema", schema=SCHEMA), r"^[a-z*]+/[a-z0-9.+*-]+$")
HEADER = or_ref("headers", frame("description schema", "required", required=TRUE, schema=SCHEMA))
PARAMETER = or_ref("parameters", {**frame("name in description schema", "required", required=TRUE, schema=SCHEMA,
                                          **{"in": {"enum": ["path", "query", "header"]}}),
                                  "if": {"properties": {"in": {"const": "path"}}}, "then": {"required": ["required"]}})
RESPONSE = or_ref("responses", frame("description", "headers content", headers=by_name(HEADER, least=1), content=CONTENT))
SECURITY = {"type": "array", "items": by_name({"const": []}), "uniqueItems": True}
OPERATION = frame("operationId tags summary security responses", "description parameters requestBody",
                  tags={"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1}, security=SECURITY,
                  parameters={"type": "array", "items": PARAMETER, "minItems": 1, "uniqueItems": True},
                  requestBody=frame("content", "required", required=TRUE, content=CONTENT),
                  responses=by_name(RESPONSE, r"^[2-5][0-9][0-9]$", 1))
SCHEME = {"oneOf": [frame("type scheme", "description bearerFormat", type={"const": "http"}, scheme={"const": "bearer"}),
                    frame("type name in", "description", type={"const": "apiKey"}, **{"in": {"const": "cookie"}})]}
WHOLE = frame("openapi info servers tags paths components", openapi={"const": "3.1.0"}, info=frame("title version summary description"),
              servers={"type": "array", "items": frame("url description")}, tags={"type": "array", "items": frame("name description")},
              paths=by_name(by_name(OPERATION, "^(get|put|post|delete|options|head|patch)$", 1), "^/"),
              components=frame("securitySchemes schemas parameters headers responses", securitySchemes=by_name(SCHEME),
                               schemas=by_name(SCHEMA), parameters=by_name(PARAMETER), headers=by_name(HEADER),
                               responses=by_name(RESPONSE)))

Draft202012Validator.check_schema(WHOLE)
same([f"{error.json_path}: {error.message}"[:300] for error in Draft202012Validator(WHOLE).iter_errors(DOCUMENT)], [],
     "the document has the frame of OpenAPI 3.1")
schemas = {place: node for place, node in ALL.items()
           if re.fullmatch(r"/components/schemas/\w+", place) or place.endswith("/schema")}
same([f"{place}: {error.message}"[:300] for place, node in schemas.items()
      for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(node)], [],
     "its schemas are schemas of JSON Schema 2020-12")
# The meta-schema lets any other word pass.
known = set("$ref type description properties required additionalProperties items oneOf enum pattern format minimum maximum minLength "
            "maxLength minItems maxItems default examples contentMediaType".split())
inner = [(place, set(node) - known) for place, node in ALL.items()
         if any(place == top or place.startswith(top + "/") for top in schemas) and not re.search(r"/(properties|examples|enum)$", place)]
same([(place, unknown) for place, unknown in inner if unknown], [], "and have no other words than those that are used here")

references = {node["$ref"] for node in ALL.values() if "$ref" in node}
same(sorted(one for one in references if one.removeprefix("#") not in ALL), [], "each $ref leads somewhere")
named = {f"#/components/{kind}/{name}" for kind in ("schemas", "parameters", "headers", "responses") for name in COMPONENTS[kind]}
same(sorted(named - references - {"#/components/responses/MethodNotAllowed"}), [], "and each component is used")
identities = [operation["operationId"] for operation in OPERATIONS.values()]
same(sorted({one for one in identities if identities.count(one) > 1}), [], "no two operations have the same name")
same({tag for operation in OPERATIONS.values() for tag in operation["tags"]}, {tag["name"] for tag in DOCUMENT["tags"]},
     "tags are those of the list")
same({name for operation in OPERATIONS.values() for one in operation["security"] for name in one}, set(COMPONENTS["securitySchemes"]),
     "so are the ways to log in")


def parameters(operation):
    return [ALL[one["$ref"].removeprefix("#")] if "$ref" in one else one for one in operation.get("parameters", ())]


same([key for key, operation in OPERATIONS.items()
      if {one["name"] for one in parameters(operation) if one["in"] == "path"} != set(re.findall(r"\{(\w+)\}", key[1]))
      or len({(one["name"], one["in"]) for one in parameters(operation)}) < len(parameters(operation))], [],
     "the parameters of a path are those in braces, and none comes twice")

# --- for readers

same([place for place, node in ALL.items() if re.search(r"/properties/[^/]+$", place) and not node.get("description")], [],
     "each field is explained")
same([place for place, node in schemas.items() if place.startswith("/components/schemas/") and not node.get("description")], [],
     "so is each schema")
texts = [(place, name, node[name]) for place, node in ALL.items() for name in ("description", "summary") if isinstance(node.get(name), str)]
same([place for place, name, text in texts if text != text.strip() or name == "description" and not text.endswith(".")], [],
     "descriptions are sentences")
same([place for place, name, text in texts if place.startswith("/paths/") and name == "summary" and text.endswith(".")], [],
     "summaries are titles")
ours = [(place, node) for place, node in ALL.items() if node.get("type") == "object" and place.startswith("/components/schemas/")]
answered = set()


def answers(node):
    """The components that an answer may have in it."""
    for place, one in words(node):
        target = one.get("$ref")
        if target and target not in answered:
            answered.add(target)
            answers(ALL[target.removeprefix("#")])


for operation in OPERATIONS.values():
    answers(operation["responses"])
same([place for place, node in ours if "#" + re.match(r"/components/schemas/\w+", place).group(0) in answered
      and node.get("additionalProperties") is not False], ["/components/schemas/Document"],
     "what we answer with has no other fields than those that are explained; a document is the client's")

# --- routes

table = reference.table()
same(sorted((method, path) for method, path, _, _ in table), sorted(OPERATIONS),
     "the routes are those of src/app/routes.c, and all of them")
EITHER = [{"bearer": []}, {"cookie": []}]
WHO = {"NOTHING": [], "GUEST": [{}, *EITHER], "LOGIN": EITHER, "PAGE": EITHER, "KEY": [{"siteKey": []}]}
KEY = [{"key": []}]
same([(method, path) for method, path, need, rest in table
      if OPERATIONS.get((method, path), {}).get("security") != WHO[need] + (KEY if "KEY_OF_" in rest else [])], [],
     "who may ask is as the table has it")
same([(method, path) for method, path, need, _ in table
      if (need in ("LOGIN", "PAGE", "KEY")) != ("401" in OPERATIONS[method, path]["responses"]) and path != "/login"], [],
     "a route that needs a log-in says that it may be 401")
same([(method, path) for method, path, _, rest in table if "HAS_TAG" in rest and not
      {"If-Match", "If-None-Match"} <= {one["name"] for one in parameters(OPERATIONS[method, path])}], [],
     "what has an entity tag takes preconditions")
ANYWHERE = {"400", "414", "429", "431", "500"}
same([key for key, operation in OPERATIONS.items()
      if not ANYWHERE | {"423" if key[0] == "HEAD" else "503"} <= set(operation["responses"])], [],
     "each route says what nginx and an outage answer; tus's HEAD is 423 then")

# --- errors

source = (CHECKOUT / "src/base/err.h").read_text()
kinds = dict(re.findall(r'X\(([A-Z]+), "(\w+)"\)', source))
word = COMPONENTS["schemas"]["Problem"]["properties"]["error"]
same(set(word["enum"]), set(kinds.values()) - {"none"}, "the words of errors are those of base/err.h")
statuses = re.findall(r"\[ERR_([A-Z]+)\] = \{(\d+),", (CHECKOUT / "src/http/problem.c").read_text())
told = dict(re.findall(r"`(\w+)` \((\d+)\)", word["description"]))
same(told, {kinds[kind]: status for kind, status in statuses if kind != "NONE"}, "with the statuses of http/problem.c")
nginx = (CHECKOUT / "nginx/mayfly.conf").read_text().partition("map $status $mayfly_error {")[2].partition("}")[0]
same(set(re.findall(r"(\w+);", nginx)) - set(told), set(), "nginx's own errors have the same words")

# --- limits

# Constants of the code by name; values are digits, spaces, * and + alone.
C = {name: eval(value) for path in sorted((CHECKOUT / "src").rglob("*.[ch]"))
     for name, value in re.findall(r"^(?:\s+|enum \{ )([A-Z][A-Z0-9_]+) = ([0-9][0-9 *+]*?)(?:,| \}|$)", path.read_text(), re.M)}
T = {name: (int(least), int(most)) for name, least, most in
     re.findall(r"\[TEXT_(\w+)\] = \{(\d+), (\d+)\}", (CHECKOUT / "src/base/text_limit.c").read_text())}
D = {name: int(value) for name, value in re.findall(r"NUMBER\((\w+), (\d+),", (CHECKOUT / "src/base/settings.def").read_text())}
SIZES = re.search(r"static const int sizes\[\] = \{([\d, ]+)\}", (CHECKOUT / "src/app/file/api_thumbnail.c").read_text()).group(1)
SIZES = [int(one) for one in SIZES.split(",")]
FAULTS = re.findall(r'\[CSV_FAULT_\w+\] = "(.+)"', (CHECKOUT / "src/app/file/csv.c").read_text())
TYPES = re.findall(r'\[CSV_\w+\] = "(\w+)"', (CHECKOUT / "src/app/file/csv_type.c").read_text())
LEAST, MOST = 0, 1
SCHEMAS = "/components/schemas/"
LIMITS = {
    "User/properties/username": {"minLength": T["USERNAME"][LEAST], "maxLength": T["USERNAME"][MOST]},
    "User/properties/email": {"minLength": T["EMAIL"][LEAST], "maxLength": T["EMAIL"][MOST]},
    "User/properties/name": {"maxLength": T["NAME"][MOST]},
    "User/properties/groups": {"maxItems": C["GROUPS_MAX"]},
    "User/properties/groups/items": {"minLength": T["GROUP"][LEAST], "maxLength": T["GROUP"][MOST]},
    "Registration/properties/username": {"maxLength": T["USERNAME"][MOST]},
    "Registration/properties/email": {"maxLength": T["EMAIL"][MOST]},
    "Registration/properties/name": {"maxLength": T["NAME"][MOST]},
    "Registration/properties/password": {"minLength": C["PASSWORD_MIN_CHARACTERS"], "maxLength": C["PASSWORD_MAX_CHARACTERS"]},
    "Registration/properties/rd": {"maxLength": C["WAY_BACK_MAX"]},
    "Login/properties/username": {"minLength": T["LOGIN"][LEAST], "maxLength": T["LOGIN"][MOST]},
    "Login/properties/password": {"minLength": 1},
    "Login/properties/rd": {"maxLength": C["WAY_BACK_MAX"]},
    "PasswordChange/properties/current": {"minLength": 1},
    "PasswordChange/properties/new": {"minLength": C["PASSWORD_MIN_CHARACTERS"], "maxLength": C["PASSWORD_MAX_CHARACTERS"]},
    "PasswordConfirmation/properties/password": {"minLength": 1},
    "ProfileChange/properties/name": {"maxLength": T["NAME"][MOST]},
    "ProfileChange/properties/email": {"maxLength": T["EMAIL"][MOST]},
    "Session/properties/user_agent": {"maxLength": T["USER_AGENT"][MOST]},
    "Sessions/properties/sessions": {"maxItems": C["SESSION_LIST_MAX"]},
    "File/properties/name": {"minLength": 1, "maxLength": C["DISPOSITION_NAME_BYTES"] - 1},
    "Files/properties/files": {"maxItems": C["MULTIPART_PARTS_MAX"]},
    "FileList/properties/files": {"maxItems": C["FILE_PAGE_MAX"]},
    "Rename/properties/name": {"minLength": 1},
    "KeyRequest/properties/name": {"minLength": T["LABEL"][LEAST], "maxLength": T["LABEL"][MOST]},
    "KeyRequest/properties/sites": {"maxItems": C["KEY_SITES_MAX"]},
    "KeyRequest/properties/expires_in": {"minimum": 1, "maximum": D["key_max_s"]},
    "KeyForm/properties/name": {"minLength": T["LABEL"][LEAST], "maxLength": T["LABEL"][MOST]},
    "Key/properties/name": {"minLength": T["LABEL"][LEAST], "maxLength": T["LABEL"][MOST]},
    "LinkRequest/properties/expires_in": {"minimum": 1, "maximum": D["link_max_s"]},
    "LinkRequest/properties/uses": {"minimum": 1, "maximum": C["FILE_LINK_USES_MAX"]},
    "Links/properties/links": {"maxItems": C["FILE_LINKS_MAX"]},
    "CsvReport/properties/delimiter": {"minLength": 1, "maxLength": 1},
    "CsvReport/properties/header": {"maxItems": C["CSV_COLUMNS_MAX"]},
    "CsvReport/properties/header/items": {"maxLength": C["CSV_FIELD_BYTES"] - 1},
    "CsvReport/properties/types": {"maxItems": C["CSV_COLUMNS_MAX"]},
    "CsvReport/properties/types/items": {"enum": TYPES},
    "CsvReport/properties/bad_lines": {"maxItems": C["CSV_BAD_MAX"]},
    "BadLine/properties/line": {"minimum": 1},
    "BadLine/properties/column": {"minimum": 1},
    "BadLine/properties/reason": {"enum": FAULTS},
    "DirectRequest/properties/size": {"minimum": 1},
    "DirectPlan/properties/size": {"minimum": 1},
    "DirectPlan/properties/part_bytes": {"minimum": 1},
    "DirectPlan/properties/parts": {"minimum": 1},
    "DirectPlan/properties/expires_in": {"minimum": 5},
    "DirectPlan/properties/put": {"maxItems": C["URLS_PER_PAGE"]},
    "DirectPart/properties/part": {"minimum": 1},
    "DirectPart/properties/size": {"minimum": 1},
    "DirectNote/properties/parts": {"minItems": 1},
    "DirectNote/properties/parts/items/properties/part": {"minimum": 1},
    "DirectNote/properties/parts/items/properties/etag": {"minLength": 1},
    "DirectProgress/properties/size": {"minimum": 1},
    "Problem/properties/detail": {"maxLength": C["ERR_DETAIL_BYTES"] - 1},
    "Problem/properties/field": {"minLength": 1, "maxLength": int(re.search(r"char field\[(\d+)\]", source).group(1)) - 1},
    "/components/parameters/IdempotencyKey/schema": {"minLength": 1, "maxLength": C["IDEMPOTENCY_KEY_MAX"]},
    "/components/parameters/AppSessionId/schema": {"minLength": C["APP_ID_LEAST"], "maxLength": C["APP_ID_MOST"]},
    "/components/parameters/AppIdle/schema": {"minimum": 1, "maximum": D["app_session_idle_max_s"]},
    "/components/parameters/WayBack/schema": {"maxLength": C["WAY_BACK_MAX"]},
    "/components/parameters/UploadMetadata/schema": {"maxLength": C["TUS_METADATA_BYTES"]},
    "/components/parameters/UploadConcat/schema": {"maxLength": C["TUS_CONCAT_BYTES"]},
    "/components/headers/UploadMetadata/schema": {"maxLength": C["TUS_METADATA_BYTES"]},
    "/components/headers/RetryAfter/schema": {"minimum": 1},
    "GET /files q": {"maxLength": T["SEARCH"][MOST]},
    "GET /files limit": {"minimum": 1, "maximum": C["FILE_PAGE_MAX"], "default": C["PAGE_DEFAULT"]},
    "GET /enter to": {"maxLength": C["WAY_TEXT_BYTES"]},
    "GET /files/{id}/parts from": {"minimum": 1, "default": 1},
    "GET /files/{id}/thumbnail size": {"enum": SIZES, "default": C["SIZE_DEFAULT"]},
}
KINDS = ("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "default")


def at(place):
    """The address of a line of LIMITS."""
    if place.startswith("/"):
        return place
    if " " not in place:
        return SCHEMAS + place
    method, path, name = place.split()
    index = [one.get("name") for one in OPERATIONS[method, path]["parameters"]].index(name)
    return f"/paths/{path.replace('/', '~1')}/{method.lower()}/parameters/{index}/schema"


wanted = {at(place): limits for place, limits in LIMITS.items()}
# What counts things is never below 0.
found = {place: limits for place, node in ALL.items() if not place.endswith("/properties")
         if (limits := {name: node[name] for name in KINDS if name in node and not (name == "minimum" and node[name] == 0)})}
same({place: limits for place, limits in found.items() if not limits.items() <= wanted.get(place, {}).items()}, {},
     "each limit in the document is a constant of the code")
same({place: limits for place, limits in wanted.items() if any(ALL[place].get(name) != value for name, value in limits.items())}, {},
     "and each of these constants is in the document")
text = (CHECKOUT / "doc" / "openapi.json").read_text()
names = set(re.findall(r"^\w+\((\w+),", (CHECKOUT / "src/base/settings.def").read_text(), re.M))
same(sorted(set(re.findall(r"[Ss]etting `(\w+)`", text)) - names), [], "settings that it names are there")
same([(name, value) for name, value in re.findall(r"[Ss]etting `(\w+)`, (\d+) by default", text) if D.get(name) != int(value)], [],
     "and have these defaults")
# Numbers in sentences: (sentence, constant).
SAID = (("at most {} bytes as PostgreSQL writes it", C["DOCUMENT_MAX_BYTES"]), ("would have more than {} bytes", C["DOCUMENT_MAX_BYTES"]),
        ("nested at most {} deep", C["JSONB_MAX_DEPTH"]), ("more than {} combining marks", C["TEXT_MARKS_MAX"]),
        ("cut to {} characters", T["USER_AGENT"][MOST]), ("cut to {} bytes, but keeps", C["DISPOSITION_NAME_BYTES"] - 1),
        ("of at most {} bytes of UTF-8", C["DISPOSITION_NAME_BYTES"] - 1),
        ("A form with files, of at most {} parts", C["MULTIPART_PARTS_MAX"]), ("The file has {} links already", C["FILE_LINKS_MAX"]),
        ("separated by commas; at most {}.", C["TUS_METADATA_PAIRS"]), ("up to {} URLs of parts", C["TUS_CONCAT_MAX"]),
        ("in order: at most {} of them", C["URLS_PER_PAGE"]), ("The page shows {},", C["PAGE_FILES_MAX"]),
        ("of the first {}", C["CSV_COLUMNS_MAX"]), ("The first {} bad rows", C["CSV_BAD_MAX"]),
        ("used last first; at most {}", C["SESSION_LIST_MAX"]))
same([sentence for sentence, number in SAID if sentence.format(number) not in text], [], "numbers in its sentences are those of the code")
release = re.search(r"AC_INIT\(\[mayfly\], \[([\d.]+)\]", (CHECKOUT / "configure.ac").read_text()).group(1)
same(DOCUMENT["info"]["version"], release, "it is of this release")
done()
