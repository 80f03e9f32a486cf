"""The methods of the API and the check of their parameters, with the real error texts.

`facts.json` holds the methods; the rules are those of PVE::JSONSchema and are proven in
the tests against the answers of the real parameter check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
import json
from pathlib import Path
import re
from typing import Any, cast

from lab.pve.api import ParamValue, parameter_error, split_list
from lab.pve.formats import FORMATS, FormatError

type Schema = Mapping[str, Any]
"""One entry of the facts: free JSON, read key by key."""
type RawValue = object
"""A value as it came: text from a query or form, anything from JSON."""
type Errors = dict[str, str]

_FACTS = Path(__file__).with_name("facts.json")
_UNKNOWN = (
    "property is not defined in schema"
    " and the schema does not allow additional properties"
)
_MISSING = "property is missing and it is not optional"
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUE = re.compile(r"(?i:1|on|yes|true)")
_FALSE = re.compile(r"(?i:0|off|no|false)")
_NUMBERED = re.compile(r"([a-z]+)(0|[1-9][0-9]*)")
_FAMILY_SIZES = {
    "acmedomain": 6,
    "hostpci": 16,
    "ide": 4,
    "ipconfig": 32,
    "net": 32,
    "numa": 8,
    "parallel": 3,
    "sata": 6,
    "scsi": 31,
    "serial": 4,
    "usb": 14,
    "virtio": 16,
    "virtiofs": 10,
}
_LARGEST_FAMILY = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of the API, as a server of one version offers it."""

    verb: str
    template: str
    parameters: Mapping[str, Schema]
    permissions: Mapping[str, object] | None
    proxied: bool
    token_allowed: bool

    def check(self, raw: Mapping[str, RawValue]) -> dict[str, ParamValue]:
        """The parameters with their types, or the 400 that tells what is wrong."""
        sent = {name: value for name, value in raw.items() if value is not None}
        errors: Errors = {}
        for name, known in self.parameters.items():
            numbered = name.endswith("[n]")
            if name not in sent and not numbered and not known.get("optional"):
                errors[name] = _MISSING
        values: dict[str, ParamValue] = {}
        for name, value in sent.items():
            schema = self._schema_of(name)
            if schema is None:
                errors[name] = _UNKNOWN
                continue
            needed = schema.get("requires")
            if needed is not None and needed not in sent:
                errors[str(needed)] = f"missing property required by '{name}'"
            values[name] = _check_value(name, schema, _unpack(schema, value), errors)
        if errors:
            raise parameter_error(**errors)
        return values

    def _schema_of(self, name: str) -> Schema | None:
        if name in self.parameters:
            return self.parameters[name]
        match = _NUMBERED.fullmatch(name)
        family = self.parameters.get(f"{match[1]}[n]") if match else None
        if match is None or family is None:
            return None
        return (
            family
            if int(match[2]) < _FAMILY_SIZES.get(match[1], _LARGEST_FAMILY)
            else None
        )


class Api:
    """All methods that a server of one major version has, found by verb and path."""

    def __init__(self, major: int) -> None:
        facts = _load_facts()
        self.methods: dict[tuple[str, str], Method] = {}
        for template, verbs in facts.items():
            for verb, entry in verbs.items():
                if major >= int(entry.get("since", 0)):
                    self.methods[verb, template] = _method(verb, template, entry, major)
        self._tree: dict[str, Any] = {}
        for _, template in self.methods:
            self._add(template)

    def _add(self, template: str) -> None:
        node = self._tree
        for part in template.strip("/").split("/"):
            node = node.setdefault("{}" if part.startswith("{") else part, {})
        node["/"] = template

    def match(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method behind a path (without ``/api2/json``) and the parameters in it.

        Volume names may hold slashes of their own, as with the real server.
        """
        parts = [part for part in path.split("/") if part]
        template = _walk(self._tree, parts)
        if template is None or (method := self.methods.get((verb, template))) is None:
            return None
        names = template.strip("/").split("/")
        if len(parts) > len(names):
            parts = [*parts[: len(names) - 1], "/".join(parts[len(names) - 1 :])]
        pairs = zip(names, parts, strict=True)
        return method, {
            name.strip("{}"): part for name, part in pairs if name.startswith("{")
        }


@cache
def load_api(major: int) -> Api:
    """The API of a major version (8 or 9), read once."""
    return Api(major)


@cache
def _load_facts() -> Mapping[str, Mapping[str, Schema]]:
    facts = json.loads(_FACTS.read_text())
    return cast(Mapping[str, Mapping[str, Schema]], facts["paths"])


def _walk(tree: Mapping[str, Any], parts: Sequence[str]) -> str | None:
    """Fixed parts go before placeholders; a last ``{volume}`` takes all the rest."""
    if not parts:
        return cast(str | None, tree.get("/"))
    for key in (parts[0], "{}"):
        found = _walk(tree[key], parts[1:]) if key in tree else None
        if found is not None:
            return found
    rest = tree.get("{}", {}).get("/", "")
    return rest if rest.endswith("/{volume}") else None


def _method(verb: str, template: str, entry: Schema, major: int) -> Method:
    parameters: dict[str, Schema] = dict(entry["parameters"])
    permissions = entry["permissions"]
    proxied = entry.get("proxyto") == "node"
    before = entry.get("8", {}) if major < 9 else {}
    for name in before.get("absent", ()):
        parameters.pop(name, None)
    for name in before.get("extra", ()):
        parameters[name] = {"optional": 1}
    for name, attributes in before.get("changed", {}).items():
        parameters[name] = {**parameters[name], **attributes}
    return Method(
        verb=verb,
        template=template,
        parameters={
            name: _for_major(schema, major) for name, schema in parameters.items()
        },
        permissions=before.get("permissions", permissions),
        proxied=proxied and "proxyto" not in before,
        token_allowed=entry.get("allowtoken", 1) != 0,
    )


def _for_major(schema: Schema, major: int) -> Schema:
    """The privileges that a list may name depend on the version."""
    if schema.get("format") != "pve-priv-list":
        return schema
    return {**schema, "format": f"pve-priv-{8 if major < 9 else 9}-list"}


def _unpack(schema: Schema, value: RawValue) -> RawValue:
    """Repeated keys arrive as a list; but for arrays, the server joins it with NUL."""
    if schema.get("type") == "array":
        return value if isinstance(value, list) else [value]
    return "\0".join(map(str, value)) if isinstance(value, list) else value


def _check_value(
    path: str, schema: Schema, value: RawValue, errors: Errors
) -> ParamValue:
    """Check a value, note what is wrong under its path, return it with its type."""
    kind = schema.get("type")
    if kind == "array":
        elements = cast(list[object], value)
        checked = [
            _check_value(f"{path}[{n}]", schema["items"], item, errors)
            for n, item in enumerate(elements)
        ]
        return [str(item) for item in checked]
    if isinstance(value, bool) and kind == "boolean":
        return value
    if isinstance(value, dict):
        errors[path] = f"type check ('{kind}') failed - got HASH"
        return ""
    text = str(int(value)) if isinstance(value, bool) else str(value)
    problem = _type_problem(kind, text) or _value_problem(path, schema, text)
    if problem is not None:
        errors[path] = problem
        return text
    return _typed(kind, text)


def _typed(kind: object, text: str) -> ParamValue:
    match kind:
        case "boolean":
            return text == "1"
        case "integer":
            return int(text)
        case "number":
            return float(text)
    return text


def _type_problem(kind: object, text: str) -> str | None:
    match kind:
        case "boolean":
            fits = text in ("0", "1")
        case "integer":
            fits = _INTEGER.fullmatch(text) is not None
        case "number":
            fits = _NUMBER.fullmatch(text) is not None
        case _:
            fits = True
    return None if fits else f"type check ('{kind}') failed - got '{text}'"


def _value_problem(path: str, schema: Schema, text: str) -> str | None:
    """The first rule that the value breaks, in the order of the real check."""
    return (
        _format_problem(path, schema.get("format"), text)
        or _pattern_problem(schema.get("pattern"), text)
        or _length_problem(schema, text)
        or _bounds_problem(schema, text)
        or _enum_problem(schema.get("enum"), text)
    )


def _pattern_problem(pattern: str | None, text: str) -> str | None:
    if pattern is None or _compile(pattern).search(text):
        return None
    return "value does not match the regex pattern"


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    """A Perl pattern as the server anchors it: no group around alternatives."""
    return re.compile(f"^{pattern.replace('(?^', '(?')}$", re.ASCII)


def _length_problem(schema: Schema, text: str) -> str | None:
    longest = schema.get("maxLength")
    if longest is not None and len(text) > longest:
        return f"value may only be {longest} characters long"
    shortest = schema.get("minLength")
    if shortest is not None and len(text) < shortest:
        return f"value must be at least {shortest} characters long"
    return None


def _bounds_problem(schema: Schema, text: str) -> str | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    maximum = schema.get("maximum")
    if maximum is not None and float(text) > float(maximum):
        return f"value must have a maximum value of {maximum}"
    minimum = schema.get("minimum")
    if minimum is not None and float(text) < float(minimum):
        return f"value must have a minimum value of {minimum}"
    return None


def _enum_problem(choices: Sequence[object] | None, text: str) -> str | None:
    if choices is None or text in map(str, choices):
        return None
    listed = ", ".join(map(str, choices))
    return f"value '{text}' does not have a value in the enumeration '{listed}'"


def _format_problem(path: str, wanted: str | Schema | None, text: str) -> str | None:
    if wanted is None:
        return None
    try:
        if isinstance(wanted, str):
            _check_named_format(wanted, text)
        else:
            check_property_string(path, wanted, text)
    except FormatError as error:
        return f"invalid format - {str(error).rstrip()}"
    return None


def _check_named_format(full_name: str, text: str) -> None:
    if (check := FORMATS.get(full_name)) is not None:
        check(text)
        return
    name, _, suffix = full_name.rpartition("-")
    if name not in FORMATS:
        return
    if suffix == "list":
        for element in split_list(text):
            FORMATS[name](element)
    elif suffix == "opt" and text:
        FORMATS[name](text)


def check_property_string(path: str, keys: Schema, text: str) -> None:
    """Check a ``key=value,key=value`` text; `FormatError` if it does not fit."""
    parsed = parse_property_string(keys, text)
    errors: Errors = {}
    for key, schema in keys.items():
        if key not in parsed and not schema.get("optional") and "alias" not in schema:
            errors[f"{path}.{key}"] = _MISSING
    for key, value in parsed.items():
        if key not in keys:
            errors[f"{path}.{key}"] = _UNKNOWN
            continue
        needed = keys[key].get("requires")
        if needed is not None and needed not in parsed:
            errors[f"{path}.{needed}"] = f"missing property required by '{path}.{key}'"
        _check_value(f"{path}.{key}", keys[key], value, errors)
    if errors:
        raise FormatError(
            "\n".join(
                ["format error", *(f"{key}: {errors[key]}" for key in sorted(errors))]
            )
        )


def parse_property_string(keys: Schema, text: str) -> dict[str, str]:
    """Key -> value of a property string, aliases and the default key resolved.

    Raises `FormatError` if it is malformed.
    """
    parsed: dict[str, str] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        key, separator, value = part.partition("=")
        if not separator:
            key, value = _default_key(keys), part
        elif not key or not value:
            raise FormatError("missing key in comma-separated list property")
        _store(keys, parsed, key, value)
    return parsed


def _default_key(keys: Schema) -> str:
    for key, schema in keys.items():
        if schema.get("default_key"):
            return key
    raise FormatError("value without key, but schema does not define a default key")


def _store(keys: Schema, parsed: dict[str, str], key: str, value: str) -> None:
    schema = keys.get(key, {})
    if "alias" in schema:
        if (holder := schema.get("keyAlias")) is not None:
            if holder in parsed:
                raise FormatError(f"key alias '{holder}' is already defined")
            parsed[holder] = key
        key = schema["alias"]
        schema = keys.get(key, {})
    if key in parsed:
        raise FormatError(f"duplicate key in comma-separated list property: {key}")
    if schema.get("type") == "boolean":
        value = (
            "1" if _TRUE.fullmatch(value) else "0" if _FALSE.fullmatch(value) else value
        )
    parsed[key] = value
