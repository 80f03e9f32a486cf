"""What the checks of the whole tree share: its files, and what its code says."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
import importlib
import json
from pathlib import Path
import subprocess
from types import ModuleType
from typing import Any

from homeassistant.helpers.entity import EntityDescription

ROOT = Path(__file__).parents[2]
PACKAGE = "custom_components.proxmox_homelab"
INTEGRATION = ROOT / "custom_components" / "proxmox_homelab"


@cache
def project_files() -> tuple[Path, ...]:
    """Return every file that belongs to the project, committed or about to be."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is where the user has it
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    paths = (ROOT / name for name in sorted(set(names)) if name)
    return tuple(path for path in paths if path.is_file())


def python_files(folder: Path) -> tuple[Path, ...]:
    """Return the Python files of the project below a folder."""
    return tuple(
        path
        for path in project_files()
        if path.suffix == ".py" and path.is_relative_to(folder)
    )


def load_json(*parts: str) -> dict[str, Any]:
    """Return a JSON file of the integration."""
    content = INTEGRATION.joinpath(*parts).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(content)
    return loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A Python file of the integration, parsed and imported."""

    path: Path
    tree: ast.Module
    namespace: ModuleType

    @property
    def place(self) -> str:
        """Where it is inside the integration, for messages."""
        return str(self.path.relative_to(INTEGRATION))


def module_name(path: Path) -> str:
    """Return the dotted name under which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def integration_modules() -> tuple[Module, ...]:
    """Return every module of the integration."""
    return tuple(
        Module(
            path=path,
            tree=ast.parse(path.read_text(encoding="utf-8")),
            namespace=importlib.import_module(module_name(path)),
        )
        for path in python_files(INTEGRATION)
    )


def resolve(node: ast.expr, names: Mapping[str, Any]) -> set[str]:
    """Return the strings that an expression may be, as far as names tell.

    Literals, module constants, members of enumerations, both arms of a condition
    and all values of a table are known; a local variable or a call is not and
    gives nothing.
    """
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.IfExp):
        return resolve(node.body, names) | resolve(node.orelse, names)
    if isinstance(node, ast.Subscript):
        table = _look_up(node.value, names)
        values = table.values() if isinstance(table, Mapping) else ()
        return {str(value) for value in values if isinstance(value, str)}
    value = _look_up(node, names)
    return {str(value)} if isinstance(value, str) else set()


def _look_up(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_look_up(node.value, names), node.attr, None)
    return None


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call, dict[str, ast.expr]]]:
    """Yield every call: the last part of its name, itself, and its keywords."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else node.func.id
                if isinstance(node.func, ast.Name)
                else ""
            )
            keywords = {word.arg: word.value for word in node.keywords if word.arg}
            yield name, node, keywords


def docstrings(tree: ast.Module) -> set[int]:
    """Return the identities of the constants that only document."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def strings(tree: ast.Module) -> set[str]:
    """Return every string that a module mentions, docstrings aside."""
    documenting = docstrings(tree)
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documenting
    }


def descriptions() -> dict[tuple[str, str], Any]:
    """Return every entity row of the sources, by platform and translation key."""
    found: dict[tuple[str, str], Any] = {}
    for module in integration_modules():
        for row in _rows(list(vars(module.namespace).values())):
            platform = platform_of(row)
            found[platform, row.translation_key or row.key] = row
    return found


def platform_of(row: Any) -> str:
    """Return the platform that an entity description belongs to."""
    for kind in type(row).__mro__:
        parts = kind.__module__.split(".")
        if parts[:2] == ["homeassistant", "components"]:
            return parts[2]
    raise AssertionError(f"{row} belongs to no platform")


def _rows(value: Any) -> Iterator[Any]:
    if isinstance(value, EntityDescription):
        yield value
    elif isinstance(value, Mapping):
        yield from _rows(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _rows(item)
