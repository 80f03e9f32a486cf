import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
import socket
import sys
from typing import Any

import pytest

from demo import dashboard
from demo.flow import filled
from demo.processes import DemoError, Program, free_block, free_port, last_lines
from demo.registry import CLUSTER_KINDS, Registry


def device_row(key: str, name: str, model: str = "Container") -> dict[str, Any]:
    return {
        "id": f"id-of-{key}",
        "identifiers": [["proxmox_homelab", key]],
        "name": name,
        "name_by_user": None,
        "model": model,
        "model_id": None,
    }


def entity_row(key: str, entity_id: str, translation_key: str) -> dict[str, Any]:
    return {
        "entity_id": entity_id,
        "device_id": f"id-of-{key}",
        "platform": "proxmox_homelab",
        "translation_key": translation_key,
        "disabled_by": None,
    }


@pytest.fixture
def registry() -> Registry:
    foreign = {**device_row("x", "router"), "identifiers": [["unifi", "guest/1"]]}
    disabled = entity_row("guest/106", "button.emqx_stop", "stop")
    return Registry.from_lists(
        [
            device_row("cluster", "pve-core", "Proxmox VE host"),
            device_row("node/pve-core", "pve-core", "Proxmox VE node"),
            device_row("guest/106", "emqx"),
            device_row("guest/103", "homeassistant", "Virtual machine"),
            device_row("storage/pve-core/local", "local (pve-core)", "Storage"),
            foreign,
        ],
        [
            entity_row("node/pve-core", "sensor.pve_core_cpu", "cpu"),
            entity_row("guest/103", "sensor.homeassistant_status", "status"),
            entity_row("guest/106", "switch.emqx", "power"),
            entity_row("guest/106", "sensor.emqx_status", "status"),
            entity_row("guest/106", "button.emqx_restart", "restart"),
            entity_row("storage/pve-core/local", "sensor.local_used", "used_share"),
            {**disabled, "disabled_by": "integration"},
        ],
    )


def cards(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        if config.get("type") == "tile":
            yield config
        for value in config.values():
            yield from cards(value)
    if isinstance(config, list):
        for item in config:
            yield from cards(item)


def test_registry_finds_enabled_entities_of_own_devices(registry: Registry) -> None:
    guests = registry.of_kind("guest")

    assert [guest.name for guest in guests] == ["homeassistant", "emqx"]
    assert registry.find(guests[1], "switch", "power") == "switch.emqx"
    assert registry.find(guests[1], "button", "stop") is None
    assert guests[0].page == "/config/devices/device/id-of-guest/103"


def test_registry_is_complete_with_something_of_every_kind(registry: Registry) -> None:
    assert not registry.has(CLUSTER_KINDS)
    rows = [
        device_row(key, key)
        for key in ("cluster", "node/a", "guest/1", "storage/a/b", "disk/a/c")
    ]
    assert Registry.from_lists(rows, []).has(CLUSTER_KINDS)


def test_dashboard_shows_only_what_is_registered(registry: Registry) -> None:
    used = dashboard.entity_ids(dashboard.dashboard(registry))

    assert used == set(registry.entity_ids())


def test_every_tile_that_changes_something_asks_on_both_taps(
    registry: Registry,
) -> None:
    commands = [
        tile
        for tile in cards(dashboard.dashboard(registry))
        if "tap_action" in tile or tile["entity"].startswith(("switch", "button"))
    ]

    assert {tile["tap_action"]["perform_action"] for tile in commands} == {
        "switch.turn_on",
        "switch.turn_off",
        "button.press",
    }
    for tile in commands:
        assert tile["tap_action"]["confirmation"]["text"].endswith("emqx?")
        assert tile["icon_tap_action"] == tile["tap_action"]
        assert not tile.get("features")


def test_a_guest_without_a_switch_is_shown_by_its_status(registry: Registry) -> None:
    overview = dashboard.dashboard(registry)["views"][0]
    tile = next(
        tile
        for tile in cards(overview)
        if tile["entity"] == "sensor.homeassistant_status"
    )

    assert "tap_action" not in tile


def test_a_form_is_filled_with_answers_suggestions_and_defaults() -> None:
    schema: list[dict[str, Any]] = [
        {"name": "host", "type": "string", "required": True},
        {"name": "port", "default": 8006},
        {"name": "level", "description": {"suggested_value": "control"}},
        {"name": "note", "optional": True},
        {
            "name": "more",
            "type": "expandable",
            "schema": [{"name": "tags", "default": []}],
        },
    ]

    assert filled(schema, {"host": "127.0.0.1", "unasked": 1}) == {
        "host": "127.0.0.1",
        "port": 8006,
        "level": "control",
        "more": {"tags": []},
    }


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert free_port(port) > port


def test_a_block_of_ports_is_free_as_a_whole() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert free_block(port - 10, (0, 10)) != port - 10


async def test_a_stopped_program_leaves_no_child_behind(tmp_path: Path) -> None:
    script = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    log = tmp_path / "log"
    program = Program("it", [sys.executable, "-c", script], folder=tmp_path, log=log)
    async with program:
        assert await soon(lambda: log.read_text().endswith("\n"))
        child = int(log.read_text())

    assert program.returncode is not None
    assert await soon(lambda: has_ended(child))


def has_ended(pid: int) -> bool:
    """A process that was killed may stay as a zombie until somebody collects it."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


async def soon(is_so: Callable[[], bool]) -> bool:
    for _ in range(500):
        if is_so():
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_failure_carries_the_end_of_the_log(tmp_path: Path) -> None:
    script = "print(*range(100), sep='\\n')"
    log = tmp_path / "log"
    program = Program("it", [sys.executable, "-c", script], folder=tmp_path, log=log)
    async with program:
        assert await program.wait() == 0

    message = str(program.failure("ended too early"))

    assert message.startswith("it ended too early")
    assert "    99" in message
    assert "    79\n" not in message
    assert last_lines(tmp_path / "none") == "    (no log)"


def test_a_program_that_was_not_started_cannot_be_waited_for(tmp_path: Path) -> None:
    program = Program("it", ["true"], folder=tmp_path, log=tmp_path / "log")

    with pytest.raises(DemoError, match="was not started"):
        asyncio.run(program.wait())
