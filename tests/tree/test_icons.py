"""Every entity and every action has a symbol, and nothing else does."""

from collections.abc import Mapping
import re
from typing import Any

import yaml

from .tree import INTEGRATION, descriptions, load_json

ICON = re.compile(r"mdi:[a-z0-9]+(?:-[a-z0-9]+)*")


def unmarked(
    rows: Mapping[tuple[str, str], Any], icons: Mapping[str, Any]
) -> list[str]:
    """Return the entity rows without a symbol."""
    return sorted(
        f"{platform}.{key}"
        for (platform, key), row in rows.items()
        if not row.device_class and not icons.get(platform, {}).get(key)
    )


def homeless(
    rows: Mapping[tuple[str, str], Any], icons: Mapping[str, Any]
) -> list[str]:
    """Return the symbols that belong to no entity row."""
    return sorted(
        f"{platform}.{key}"
        for platform, keys in icons.items()
        for key in keys
        if (platform, key) not in rows
    )


def symbols(branch: Any) -> list[str]:
    """Return every symbol below a branch."""
    if isinstance(branch, Mapping):
        return [icon for value in branch.values() for icon in symbols(value)]
    return [branch]


def test_entities_have_a_symbol() -> None:
    rows, icons = descriptions(), load_json("icons.json")["entity"]
    assert rows
    assert unmarked(rows, icons) == []
    assert homeless(rows, icons) == []


def test_actions_have_a_symbol() -> None:
    icons = load_json("icons.json")["services"]
    content = (INTEGRATION / "services.yaml").read_text(encoding="utf-8")
    assert set(icons) == set(yaml.safe_load(content))
    assert all(icon.get("service") for icon in icons.values())


def test_symbols_are_well_formed() -> None:
    icons = load_json("icons.json")
    assert set(icons) <= {"entity", "services"}
    assert [icon for icon in symbols(icons) if not ICON.fullmatch(icon)] == []


def test_states_with_a_symbol_exist() -> None:
    rows = descriptions()
    unknown = [
        f"{platform}.{key}: {state}"
        for platform, keys in load_json("icons.json")["entity"].items()
        for key, icon in keys.items()
        for state in icon.get("state", {})
        if (options := getattr(rows.get((platform, key)), "options", None))
        and state not in {str(option) for option in options}
    ]
    assert unknown == []


class Row:
    """An entity row with or without a device class."""

    def __init__(self, device_class: str | None = None) -> None:
        self.device_class = device_class


def test_a_missing_and_a_spare_symbol_are_found() -> None:
    rows = {("sensor", "a"): Row(), ("sensor", "b"): Row("power")}
    assert unmarked(rows, {}) == ["sensor.a"]
    assert unmarked(rows, {"sensor": {"a": {"default": "mdi:a"}}}) == []
    assert homeless(rows, {"sensor": {"c": {}}}) == ["sensor.c"]
    assert not ICON.fullmatch("mdi:Bad_Name")
