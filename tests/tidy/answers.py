"""What a server says, of what describe_operations prints: its JSON Schema, its TypeScript types, the responses of
openapi.yaml and the examples that the encoders wrote. For operations.py."""

import json
import re

# By HTTP with another body than the operation's answer: a stream of events.
STREAMS = {"watch"}


def alternatives(said, op, by):
    return [one["schema"] for one in said["server"]["answers"][op] if one["by"] in ("both", by)]


def one_of(schemas):
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def pushes(said):
    """By event: its schemas."""
    by_event = {}
    for push in said["server"]["pushes"]:
        by_event.setdefault(push["event"], []).append(push["schema"])
    return by_event


def add_to_schema(schema, said):
    """What answers, pushes and problems look like: `answers` by operation, `pushes` by event; a whole message is
    $defs.server_message."""
    schema["$defs"].update(said["server"]["$defs"])
    schema["answers"] = {}
    for op in said["server"]["answers"]:
        answers = alternatives(said, op, "websocket")
        if answers:
            schema["answers"][op] = one_of(answers)
    schema["pushes"] = {event: one_of(schemas) for event, schemas in pushes(said).items()}
    identity = {"anyOf": [{"$ref": "#/$defs/message_id"}, {"type": "null"}]}
    schema["$defs"]["server_message"] = {"anyOf": [
        {"type": "object", "properties": {"id": identity, "ok": {"type": "object"}}, "required": ["id", "ok"]},
        {"type": "object", "properties": {"id": identity, "error": said["server"]["problem"]},
         "required": ["id", "error"]},
    ] + [one_of(schemas) for schemas in pushes(said).values()]}


# ---------------------------------------------------------------------------------------------- TypeScript

NAMES = {"id": "Id", "target": "Target", "mode": "Mode", "kind": "Kind", "time": "string"}


def type_of(schema, indent="  "):
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return NAMES.get(name, name)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(type_of(one, indent) for one in schema["anyOf"])
    kind = schema["type"]
    if isinstance(kind, list):
        return " | ".join(type_of({"type": one}) for one in kind)
    if kind == "array":
        item = type_of(schema["items"], indent)
        return f"({item})[]" if "|" in item else f"{item}[]"
    if kind == "object":
        if "additionalProperties" in schema:
            return f"Record<string, {type_of(schema['additionalProperties'], indent)}>"
        return members_of(schema, indent)
    return {"integer": "number", "string": "string", "boolean": "boolean", "null": "null"}[kind]


def members_of(schema, indent=""):
    required = set(schema.get("required", []))
    if not schema["properties"]:
        return "Record<string, never>"
    if indent:  # an object inside of one
        inside = (f"{name}{'' if name in required else '?'}: {type_of(one, indent)}" for name, one in schema["properties"].items())
        return "{ " + "; ".join(inside) + " }"
    lines = ["{"]
    for name, one in schema["properties"].items():
        lines.append(f"{indent}  {name}{'' if name in required else '?'}: {type_of(one, indent + '  ')};")
    return "\n".join(lines + [indent + "}"])


def title(name):
    return "".join(part.capitalize() for part in re.split(r"[._]", name))


def types(said):
    lines = ["", "// What a server says. A member of a person is null where names are hidden.", ""]
    for name, schema in said["server"]["$defs"].items():
        lines.append(f"export interface {name} {members_of(schema)}")
    lines += ["", "/** What each operation is answered with, by its name; never: by a push, or not at all. */",
              "export interface Answers {"]
    for op in said["server"]["answers"]:
        answers = alternatives(said, op, "websocket")
        lines.append(f"  {json.dumps(op)}: {' | '.join(type_of(one) for one in answers) or 'never'};")
    lines += ["}", "/** What comes unasked, by its event. */", "export interface Pushes {"]
    for event, schemas in pushes(said).items():
        lines.append(f"  {json.dumps(event)}: {' | '.join(type_of(one) for one in schemas)};")
    lines += ["}", "export type Event = keyof Pushes;",
              "/** One message from the server: an answer, a refusal or a push. */",
              "export type ServerMessage =",
              "  | { id: number | string | null; ok: Answers[Op] }",
              "  | { id: number | string | null; error: Problem }",
              "  | Pushes[Event];"]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------- examples

def wrong(schema, value, defs, where="it"):
    """What is wrong with the value, or nothing. A member that the schema does not name is wrong, too."""
    if "$ref" in schema:
        return wrong(defs[schema["$ref"].rsplit("/", 1)[1]], value, defs, where)
    if "anyOf" in schema:
        found = [wrong(one, value, defs, where) for one in schema["anyOf"]]
        return "" if "" in found else "; ".join(dict.fromkeys(found))
    if "const" in schema:
        return "" if value == schema["const"] and type(value) is type(schema["const"]) else f"{where} is {value!r}"
    if "enum" in schema:
        return "" if value in schema["enum"] else f"{where} is {value!r}"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", type(None): "null"}.get(type(value))
    if kind not in kinds:
        return f"{where} is no {' or '.join(kinds)}"
    if kind == "integer" and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{where} is {value}"
    if kind == "string" and not re.search(schema.get("pattern", ""), value):
        return f"{where} is {value!r}"
    if kind == "array":
        return next(filter(None, (wrong(schema["items"], one, defs, f"{where}[{i}]") for i, one in enumerate(value))), "")
    if kind != "object":
        return ""
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            return f"{where} has no {name}"
    if "oneOf" in schema and sum(all(n in value for n in one["required"]) for one in schema["oneOf"]) != 1:
        return f"{where} has not one of {schema['oneOf']}"
    for name, one in value.items():
        member = properties.get(name, schema.get("additionalProperties"))
        if member is None:
            return f"{where} has {name}, which is not described"
        if found := wrong(member, one, defs, f"{where}.{name}"):
            return found
    return ""


def check_samples(said, schema, find):
    """Each operation, push and problem has examples, and each is as described."""
    defs = schema["$defs"]
    missing = {("op", op) for op, answers in said["server"]["answers"].items() if answers}
    missing |= {("event", event) for event in schema["pushes"]}
    for sample in said["samples"]:
        if "op" in sample:
            what, described = ("op", sample["op"]), one_of(alternatives(said, sample["op"], sample["by"]))
        elif "event" in sample:
            what, described = ("event", sample["event"]), schema["pushes"][sample["event"]]
        else:
            what, described = ("problem", sample["problem"]), said["server"]["problem"]
        missing.discard(what)
        if found := wrong(described, sample["body"], defs):
            find("docs/messages.schema.json", f"{what[1]}: {found}: {json.dumps(sample['body'], ensure_ascii=False)}")
    for what in sorted(missing):
        find("tests/tidy/samples.cpp", f"no example of {what[1]}")


# ---------------------------------------------------------------------------------------------- openapi

class Shape:
    """What is told of an object by several schemas, of which it is one: its members, and which are in each."""

    def __init__(self, api, schemas, told_only):
        self.members, self.required, self.values, self.items = {}, None, [], []
        for schema in schemas:
            for one in self.spread(api, schema):
                self.take(api, one, told_only)
        self.required = self.required or set()

    def spread(self, api, schema):
        schema = api(schema)
        if "allOf" in schema:
            merged = {"properties": {}, "required": []}
            for part in schema["allOf"]:
                for one in self.spread(api, part):
                    merged["properties"].update(one.get("properties", {}))
                    merged["required"] = merged["required"] + one.get("required", [])
            return [merged]
        several = schema.get("anyOf", []) + (schema.get("oneOf", []) if "properties" not in schema else [])
        return [one for part in several for one in self.spread(api, part)] if several else [schema]

    def take(self, api, schema, told_only):
        if "items" in schema:
            self.items.append(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            self.values.append(schema["additionalProperties"])
        if "properties" not in schema and schema.get("type") != "object":
            return
        for name, member in schema.get("properties", {}).items():
            if not (isinstance(member, dict) and member.get("writeOnly")):
                self.members.setdefault(name, []).append(member)
        required = set(schema.get("required", []))
        self.required = required if self.required is None else self.required & required


def compare(find, where, told, told_api, written, written_api):
    """`told`: the schemas of the wire; `written`: those of the page."""
    is_told, is_written = Shape(told_api, told, True), Shape(written_api, written, False)
    for name in sorted(set(map(str, is_written.members)) - set(is_told.members)):
        find(f"{where}: the server says no {name}")
    for name in sorted(set(is_told.members) - set(map(str, is_written.members))):
        find(f"{where}: {name} is missing")
    for name in sorted((is_told.required ^ is_written.required) & set(is_told.members)):
        find(f"{where}: {name} is {'' if name in is_told.required else 'not '}always there")
    for name in set(is_told.members) & set(is_written.members):
        compare(find, f"{where}.{name}", is_told.members[name], told_api, is_written.members[name], written_api)
    for kind in ("items", "values"):
        if getattr(is_told, kind) and getattr(is_written, kind):
            compare(find, where + "[]", getattr(is_told, kind), told_api, getattr(is_written, kind), written_api)
        elif getattr(is_told, kind):
            find(f"{where}: it is a {'list' if kind == 'items' else 'map'}")


def check_openapi(api, said, schema, find):
    def told_api(one):
        while "$ref" in one:
            one = schema["$defs"][one["$ref"].rsplit("/", 1)[1]]
        return one

    def report(sentence):
        find("docs/openapi.yaml", sentence)

    for path in api.all["paths"].values():
        for operation in path.values():
            op = operation.get("operationId") if isinstance(operation, dict) else None
            if op not in said["server"]["answers"] or op in STREAMS:
                continue
            written = []
            for status, response in operation["responses"].items():
                content = api.resolve(response).get("content", {}) if str(status).startswith("2") else {}
                if "application/json" in content:
                    written.append(content["application/json"]["schema"])
            compare(report, f"the answer to {op}", alternatives(said, op, "http"), told_api, written, api.resolve)
    problems = [{"$ref": f"#/components/schemas/{name}"} for name in api.all["components"]["schemas"] if name.endswith("Problem")]
    told = told_api(said["server"]["problem"])
    by_http = dict(told, required=told["required"] + ["type", "status"])
    compare(report, "a problem", [by_http], told_api, problems, api.resolve)
    codes = api.all["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    if set(codes) != set(told["properties"]["code"]["enum"]):
        report("Problem.code has other codes than the server")
