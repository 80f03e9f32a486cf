"""Who may import whom: ground floor, upper floor, sources, topology and the lab."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from .tree import INTEGRATION, PACKAGE, ROOT, module_name, python_files

# The files that speak with a system and know nothing of Home Assistant, or the
# packages of the same name once such a file has been split.
GROUND_FLOOR = frozenset(
    {
        "address",
        "backoff",
        "client",
        "commands",
        "credentials",
        "errors",
        "keys",
        "models",
        "own_guest",
        "parse",
        "paths",
        "privileges",
        "protocol",
        "resource",
        "silence",
        "tracker",
        "transport",
        "trust",
        "values",
        "web",
    }
)
CLIENT_LIBRARIES = frozenset({"aiomqtt", "asyncssh", "paho", "proxmoxer", "requests"})
SOURCES = frozenset({"checks", "deconz", "mqtt", "proxmox", "usbip", "zwave_js"})

type Imports = Mapping[str, frozenset[str]]


def imported(source: str, name: str, *, is_package: bool) -> Iterator[str]:
    """Yield the dotted names that a module imports, relative ones made absolute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                keep = len(parts) - node.level + is_package
                base = ".".join([*parts[:keep], *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imports_of(files: Iterable[Path]) -> dict[str, frozenset[str]]:
    """Return what each of the files imports, by the dotted name of the file."""
    return {
        module_name(path): frozenset(
            imported(
                path.read_text(encoding="utf-8"),
                module_name(path),
                is_package=path.name == "__init__.py",
            )
        )
        for path in files
    }


def in_package(name: str, package: str) -> bool:
    """Say whether a dotted name is a package or inside it."""
    return name == package or name.startswith(f"{package}.")


def rooms(name: str) -> list[str]:
    """Return the parts of a name inside the integration."""
    return name.removeprefix(PACKAGE).strip(".").split(".")


def is_ground_floor(name: str) -> bool:
    """Say whether a module of the integration belongs to the ground floor."""
    return not GROUND_FLOOR.isdisjoint(rooms(name))


def reached(start: str, imports: Imports) -> Iterator[tuple[str, str]]:
    """Yield what a module imports, also through modules of the integration."""
    waiting, seen = [start], {start}
    while waiting:
        module = waiting.pop()
        for target in imports[module]:
            yield module, target
            if target in imports and target not in seen:
                seen.add(target)
                waiting.append(target)


def breaches(imports: Imports) -> list[str]:
    """Return every import inside the integration that crosses a line."""
    found: list[str] = []
    for module, targets in imports.items():
        if is_ground_floor(module):
            found += [
                f"{module} is ground floor and reaches {target} through {through}"
                for through, target in reached(module, imports)
                if in_package(target, "homeassistant")
            ]
        else:
            found += [
                f"{module} is upper floor and imports {target}"
                for target in targets
                if target.split(".")[0] in CLIENT_LIBRARIES
            ]
        found += [
            f"{module} imports {target}"
            for target in targets
            if _crosses_sources(module, target)
        ]
    return sorted(set(found))


def _crosses_sources(module: str, target: str) -> bool:
    if not in_package(target, PACKAGE):
        return False
    own, other = rooms(module), rooms(target)
    if own[0] in SOURCES:
        return other[0] == "topology" or (other[0] in SOURCES and other[0] != own[0])
    return own[0] == "topology" and other[0] in SOURCES and is_ground_floor(target)


def lab_breaches(imports: Imports) -> list[str]:
    """Return every import of the lab that ties it to what it is there to test."""
    return [
        f"{module} imports {target}"
        for module, targets in imports.items()
        for target in targets
        if in_package(target, "homeassistant")
        or in_package(target, "custom_components")
    ]


def test_the_integration_keeps_its_floors() -> None:
    imports = imports_of(python_files(INTEGRATION))
    assert f"{PACKAGE}.proxmox.models" in imports
    assert breaches(imports) == []


def test_the_lab_stands_alone() -> None:
    imports = imports_of(python_files(ROOT / "lab"))
    assert imports
    assert lab_breaches(imports) == []


def test_relative_imports_are_understood() -> None:
    source = "from . import keys\nfrom ..errors import HomelabError\nimport aiohttp"
    assert set(imported(source, f"{PACKAGE}.proxmox.client", is_package=False)) == {
        "aiohttp",
        f"{PACKAGE}.errors",
        f"{PACKAGE}.errors.HomelabError",
        f"{PACKAGE}.proxmox",
        f"{PACKAGE}.proxmox.keys",
    }
    assert set(
        imported("from .client import x", f"{PACKAGE}.mqtt", is_package=True)
    ) == {
        f"{PACKAGE}.mqtt.client",
        f"{PACKAGE}.mqtt.client.x",
    }


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("proxmox.client", "homeassistant.core"),
        ("proxmox.client.power", "homeassistant"),
        ("errors", "homeassistant.exceptions"),
        ("sensor", "proxmoxer"),
        ("mqtt.coordinator", "aiomqtt.client"),
        ("mqtt.entities", f"{PACKAGE}.proxmox.models"),
        ("proxmox.coordinator", f"{PACKAGE}.topology.graph"),
        ("topology.facts", f"{PACKAGE}.proxmox.client"),
    ],
)
def test_a_crossing_import_is_found(module: str, target: str) -> None:
    assert len(breaches({f"{PACKAGE}.{module}": frozenset({target})})) == 1


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("proxmox.client", "proxmoxer.core"),
        ("proxmox.coordinator", "homeassistant.core"),
        ("proxmox.coordinator", f"{PACKAGE}.proxmox.client"),
        ("guard", f"{PACKAGE}.topology.graph"),
        ("topology.facts", f"{PACKAGE}.proxmox.coordinator"),
    ],
)
def test_a_lawful_import_is_left_alone(module: str, target: str) -> None:
    assert breaches({f"{PACKAGE}.{module}": frozenset({target})}) == []


def test_a_detour_over_another_module_is_found() -> None:
    client, helper = f"{PACKAGE}.proxmox.client", f"{PACKAGE}.proxmox.helper"
    imports = {
        client: frozenset({helper}),
        helper: frozenset({"homeassistant.util"}),
    }
    assert breaches(imports) == [
        f"{client} is ground floor and reaches homeassistant.util through {helper}"
    ]


@pytest.mark.parametrize("target", ["homeassistant.util", PACKAGE])
def test_a_lab_that_leans_on_its_subject_is_found(target: str) -> None:
    assert lab_breaches({"lab.server": frozenset({target})})
