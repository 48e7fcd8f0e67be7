#!/usr/bin/env python3
"""Holds what is written of the operations to what the wire's structs say of them.

    operations.py ROOT DESCRIBE [--write]     DESCRIBE: the program that prints it (operations.cpp)

  docs/messages.schema.json   JSON Schema of every message that a client may send, and of what the server says: made,
                              and held to be as made and to what the encoders write
  docs/messages.d.ts          the same as TypeScript types: made, and held to be as made
  docs/openapi.yaml           the fields of each operation, which are required, their sizes and defaults; the members of
                              each response, and which are always there: held
  docs/protocol.md            the tables: each names every field of its operation, and those that are required in bold: held

With --write the made ones are written. Prints each finding; exits with 1 if there is one.
"""

import json
import os
import re
import subprocess
import sys

import answers
import yaml

# By HTTP, and not by the structs: the header that stands for request_id.
HEADERS = {"IdempotencyKey"}
# The protocol requires a session of everybody, the wire of nobody: the hub fills in the connection's own.
FILLED_IN = {"session"}
TYPESCRIPT = {"id": "Id", "target": "Target", "mode": "Mode", "kind": "Kind", "rows": "TodoRows", "client": "Client",
              "event": "LogEvent"}


def schema_of(said, event):
    """The JSON Schema of a WebSocket message from a client."""
    defs = dict(said["$defs"])
    defs["event"] = event
    defs["message_id"] = {"oneOf": [{"type": "integer", "minimum": 0, "maximum": 9007199254740991},
                                    {"type": "string", "maxLength": 64}]}
    messages = []
    for operation in said["operations"]:
        fields = operation["fields"]
        properties = {"op": {"const": operation["op"]}, "id": {"$ref": "#/$defs/message_id"}}
        properties.update(fields["properties"])
        messages.append({"title": operation["op"], "type": "object", "properties": properties,
                         "required": ["op"] + fields.get("required", [])})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A message from a client of Holdfast; below, what the server says",
            "description": "Unknown fields are ignored, and null counts as absent.", "oneOf": messages, "$defs": defs}


def type_of(schema):
    if "$ref" in schema:
        return TYPESCRIPT[schema["$ref"].rsplit("/", 1)[1]]
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    kind = schema["type"]
    if kind == "array":
        item = type_of(schema["items"])
        return f"{item}[]"
    if kind == "object":
        return f"Record<string, {type_of(schema['additionalProperties'])}>"
    return {"integer": "number", "string": "string", "boolean": "boolean"}[kind]


def name_of(op):
    return "".join(part.capitalize() for part in re.split(r"[._]", op)) + "Fields"


def types_of(said, head):
    """TypeScript: the fields of each operation, and a map from its name to them."""
    lines = [head]
    for name, schema in said["$defs"].items():
        if "enum" in schema:
            lines.append(f"export type {TYPESCRIPT[name]} = {type_of(schema)};")
    lines.append("")
    for operation in said["operations"]:
        fields = operation["fields"]
        required = set(fields.get("required", []))
        lines.append(f"export interface {name_of(operation['op'])} {{")
        for name, schema in fields["properties"].items():
            lines.append(f"  {name}{'' if name in required else '?'}: {type_of(schema)};")
        lines.append("}")
    lines.append("")
    lines.append("/** What each operation takes, by its name. */")
    lines.append("export interface Operations {")
    for operation in said["operations"]:
        lines.append(f"  {json.dumps(operation['op'])}: {name_of(operation['op'])};")
    lines.append("}")
    lines.append("export type Op = keyof Operations;")
    lines.append("/** One message to the server. */")
    lines.append("export type ClientMessage = { [O in Op]: { op: O; id?: number | string } & Operations[O] }[Op];")
    repeatable = " | ".join(json.dumps(o["op"]) for o in said["operations"] if o["repeatable"])
    lines.append("/** Those that take a request id: the same one again is answered as the first time. */")
    lines.append(f"export type RepeatableOp =\n  {repeatable};")
    return "\n".join(lines) + "\n"


HEAD = """// What a client of Holdfast may send by WebSocket and what the server says, as docs/messages.schema.json has it. Made by tests/tidy/operations.py.

/** 26 characters, as the server gave it. */
export type Id = string;
/** "SaleOrder:1001", or a part or line below it. */
export type Target = string;
export type Client = string | { program?: string; host?: string; window?: string };
export type Person = string | { user?: string; name?: string };
/** What a bill is now, all of it. */
export interface StatusEvent {
  type: string;
  id: string;
  no?: string;
  version?: number;
  state?: Record<string, string | number | boolean | null>;
  creator?: Person | null;
  handler?: Person;
  owner?: Person | null;
  actor?: Person;
  department?: string | null;
  action?: string;
  reason?: string;
  /** RFC 3339 */
  at?: string;
  created?: boolean;
  deleted?: boolean;
  title?: string;
  partner?: string;
  amount?: string;
  cause?: string;
}
/** A step of an action. */
export interface RunEvent {
  run: Id;
  type: string;
  id: string;
  step?: string;
  action?: string;
  error?: string;
  actor?: Person;
  at?: string;
}
export type LogEvent = StatusEvent | RunEvent;"""


class Openapi:
    def __init__(self, text):
        self.all = yaml.safe_load(text)

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            found = self.all
            for part in node["$ref"].split("/")[1:]:
                found = found[part]
            node = found
        return node

    def plain(self, node):
        """Without references and what only readers of HTTP are told: for the event's schema."""
        node = self.resolve(node)
        if isinstance(node, list):
            return [self.plain(one) for one in node]
        if not isinstance(node, dict):
            return node
        return {key: self.plain(value) for key, value in node.items()
                if key not in ("readOnly", "writeOnly", "description")}

    def event(self):
        """What may be published: the schemas without what only answers have."""
        events = []
        for name in ("RunEvent", "StatusEvent"):
            schema = self.all["components"]["schemas"][name]
            properties = {key: self.plain(value) for key, value in schema["properties"].items()
                          if not self.is_told_only(value)}
            required = [key for key in schema["required"]]
            events.append({"title": name, "type": "object", "properties": properties, "required": required})
        return {"anyOf": events}

    def is_told_only(self, schema):
        return bool(isinstance(schema, dict) and schema.get("readOnly"))

    def operations(self):
        """By operationId: its fields by name, each with its schema, and which are required."""
        for path in self.all["paths"].values():
            for method, operation in path.items():
                if method not in ("get", "post", "put", "delete"):
                    continue
                fields, required = {}, set()
                for parameter in path.get("parameters", []) + operation.get("parameters", []):
                    if parameter.get("$ref", "").rsplit("/", 1)[-1] in HEADERS:
                        continue
                    parameter = self.resolve(parameter)
                    if parameter["in"] not in ("path", "query"):
                        continue
                    fields[parameter["name"]] = self.resolve(parameter["schema"])
                    if parameter.get("required"):
                        required.add(parameter["name"])
                content = self.resolve(operation.get("requestBody", {})).get("content", {})
                body = self.resolve(content.get("application/json", {}).get("schema", {}))
                for variant in [body] + [self.resolve(one) for one in body.get("oneOf", []) + body.get("anyOf", [])]:
                    for name, schema in variant.get("properties", {}).items():
                        fields[name] = self.resolve(schema)
                required |= set(body.get("required", []))
                yield operation["operationId"], fields, required


def check_openapi(api, said, find):
    known = {operation["op"]: operation for operation in said["operations"]}
    for op, fields, required in api.operations():
        if op not in known:
            continue
        described = known[op]["fields"]["properties"]
        must = set(known[op]["fields"].get("required", []))
        header = {"request_id"} if known[op]["repeatable"] else set()
        for name in sorted(set(fields) - set(described)):
            find("docs/openapi.yaml", f"{op}: the server takes no field {name}")
        for name in sorted(set(described) - set(fields) - header - ABSENT.get(op, set())):
            find("docs/openapi.yaml", f"{op}: the field {name} is missing")
        for name in sorted(must - required):
            if name in fields:
                find("docs/openapi.yaml", f"{op}: {name} is required")
        for name, schema in fields.items():
            wire = described.get(name, {})
            if "maxLength" in schema and "maxLength" in wire and schema["maxLength"] != wire["maxLength"]:
                find("docs/openapi.yaml", f"{op}: {name} has up to {wire['maxLength']} bytes")


# By HTTP these are not asked: the path, the connection or the face says it.
ABSENT = {
    "watch": {"session"},
    "todo.subscribe": {"rows", "open", "cursor"},
}


def check_protocol(text, said, find):
    """Each operation with a row in a table of operations."""
    rows = {}
    for row in re.finditer(r"^\| `([a-z_]+(?:\.[a-z_]+)?)`(?: · [^|]*| \(WebSocket\) )\|([^|]*)\|", text, re.M):
        rows.setdefault(row.group(1), []).append(row.group(2))
    for operation in said["operations"]:
        op = operation["op"]
        if op in ("hello", "auth", "pong"):
            continue  # they have sections of their own
        if op not in rows:
            find("docs/protocol.md", f"no table has {op}")
            continue
        column = " ".join(rows[op])
        named = set(re.findall(r"`([a-z_]+)(?::true)?`", column))
        bold = set(re.findall(r"\*\*`([a-z_]+)`\*\*", column))
        fields = operation["fields"]
        required = set(fields.get("required", []))
        for name in sorted(set(fields["properties"]) - named):
            if name in FILLED_IN:
                continue
            find("docs/protocol.md", f"{op}: the table does not name {name}")
        for name in sorted((required - bold) | (bold - required - FILLED_IN)):
            find("docs/protocol.md", f"{op}: {name} is {'' if name in required else 'not '}required")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    root, describe = arguments
    write = "--write" in sys.argv
    said = json.loads(subprocess.run([describe], check=True, capture_output=True, text=True).stdout)
    findings = []

    def find(path, sentence):
        findings.append(f"{path}:1: operations: {sentence}")

    def read(path):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return file.read()

    api = Openapi(read("docs/openapi.yaml"))
    schema = schema_of(said, api.event())
    answers.add_to_schema(schema, said)
    made = {
        "docs/messages.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
        "docs/messages.d.ts": types_of(said, HEAD) + answers.types(said),
    }
    for path, text in made.items():
        if write:
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        elif not os.path.exists(os.path.join(root, path)) or read(path) != text:
            find(path, "is not what the structs say: run scripts/describe.sh")
    check_openapi(api, said, find)
    answers.check_openapi(api, said, schema, find)
    answers.check_samples(said, schema, find)
    check_protocol(read("docs/protocol.md"), said, find)
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
