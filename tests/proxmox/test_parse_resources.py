"""The one list: states, figures, reuse, and slices that leave the loop free."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.proxmox_homelab.errors import ProtocolError
from custom_components.proxmox_homelab.proxmox.models import (
    Guest,
    GuestState,
    GuestType,
    Resources,
)
from custom_components.proxmox_homelab.proxmox.parse import (
    parse_current_status,
    parse_resources,
)

NOW = datetime(2026, 11, 21, 12, 0, 0, 250_000, UTC)
GIB = 1 << 30
MIB = 1 << 20

VM: dict[str, Any] = {
    "id": "qemu/103",
    "type": "qemu",
    "vmid": 103,
    "node": "pve1",
    "name": "haos",
    "status": "running",
    "cpu": 0.01234,
    "maxcpu": 2,
    "mem": 3 * GIB + 123,
    "maxmem": 4 * GIB,
    "memhost": 4 * GIB + 5,
    "disk": 0,
    "maxdisk": 32 * GIB,
    "uptime": 3600,
    "netin": 10 * MIB + 1,
    "netout": 5 * MIB - 1,
    "diskread": 7 * MIB,
    "diskwrite": 0,
    "template": 0,
    "tags": "prod;home",
    "pool": "house",
    "hastate": "started",
}
CONTAINER: dict[str, Any] = {
    **VM,
    "id": "lxc/111",
    "type": "lxc",
    "vmid": 111,
    "name": "mqtt",
    "disk": 2 * GIB,
    "maxdisk": 8 * GIB,
}
NODE: dict[str, Any] = {
    "id": "node/pve1",
    "type": "node",
    "node": "pve1",
    "status": "online",
    "cpu": 0.5,
    "maxcpu": 8,
    "mem": 16 * GIB,
    "maxmem": 32 * GIB,
    "disk": 10 * GIB,
    "maxdisk": 100 * GIB,
    "uptime": 86_400,
    "level": "",
}
STORAGE: dict[str, Any] = {
    "id": "storage/pve1/local",
    "type": "storage",
    "node": "pve1",
    "storage": "local",
    "status": "available",
    "disk": 50 * GIB,
    "maxdisk": 100 * GIB,
    "shared": 0,
    "content": "iso,backup",
    "plugintype": "dir",
}


async def parsed(
    *rows: dict[str, Any], previous: Resources | None = None, now: datetime = NOW
) -> Resources:
    return await parse_resources(list(rows), previous, now)


async def guest(row: dict[str, Any], previous: Resources | None = None) -> Guest:
    found = await parsed(row, previous=previous)
    return found.guests[row["vmid"]]


async def test_reads_a_vm() -> None:
    assert await guest(VM) == Guest(
        vmid=103,
        type=GuestType.VM,
        node="pve1",
        name="haos",
        state=GuestState.RUNNING,
        tags=("prod", "home"),
        pool="house",
        ha_state="started",
        cpu_percent=1.2,
        cpu_count=2,
        memory_used=3 * GIB,
        memory_total=4 * GIB,
        memory_host=4 * GIB,
        disk_used=None,
        disk_total=32 * GIB,
        network_in=10 * MIB,
        network_out=4 * MIB,
        disk_read=7 * MIB,
        disk_written=0,
        started_at=datetime(2026, 11, 21, 11, 0, tzinfo=UTC),
    )


async def test_the_disk_of_a_container_is_known_while_it_runs() -> None:
    assert (await guest(CONTAINER)).disk_used == 2 * GIB
    off = await guest({**CONTAINER, "status": "stopped", "disk": 0, "uptime": 0})
    assert (off.disk_used, off.disk_total) == (None, 8 * GIB)


async def test_a_guest_that_is_off_has_no_figures() -> None:
    off = await guest({**VM, "status": "stopped", "uptime": 0, "cpu": 0, "mem": 0})
    assert off.state is GuestState.STOPPED
    assert (off.cpu_percent, off.memory_used, off.network_in) == (None, None, None)
    assert off.started_at is None
    assert off.memory_total == 4 * GIB


@pytest.mark.parametrize(
    ("status", "lock", "state"),
    [
        ("running", None, GuestState.RUNNING),
        ("stopped", None, GuestState.STOPPED),
        ("stopped", "suspended", GuestState.HIBERNATED),
        ("stopped", "backup", GuestState.STOPPED),
        ("running", "suspending", GuestState.RUNNING),
        ("paused", None, GuestState.PAUSED),
        ("prelaunch", None, GuestState.STARTING),
        ("suspended", None, GuestState.SUSPENDED),
        ("inmigrate", "migrate", GuestState.MIGRATING),
        ("io-error", None, GuestState.IO_ERROR),
        ("internal-error", None, GuestState.INTERNAL_ERROR),
        ("shutdown", None, GuestState.SHUTTING_DOWN),
        ("unknown", None, None),
        ("brand-new-state", None, None),
        (None, None, None),
        (7, None, None),
    ],
)
async def test_knows_the_states(
    status: object, lock: str | None, state: GuestState | None
) -> None:
    found = await guest({**VM, "status": status, "lock": lock})
    assert found.state is state
    assert found.lock == lock


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("a;b", ("a", "b")),
        ("a,b c", ("a", "b", "c")),
        (" ", ()),
        ("", ()),
        (None, ()),
        (";a;;b;", ("a", "b")),
    ],
)
async def test_reads_tags(tags: str | None, expected: tuple[str, ...]) -> None:
    assert (await guest({**VM, "tags": tags})).tags == expected


async def test_reads_numbers_that_are_strings() -> None:
    row = {
        key: str(value) if isinstance(value, int | float) else value
        for key, value in VM.items()
    }
    found = await parsed(row, {**NODE, "cpu": "0.5", "uptime": "86400"})
    assert found.guests[103] == await guest(VM)
    assert found.nodes["pve1"] == (await parsed(NODE)).nodes["pve1"]


@pytest.mark.parametrize("nonsense", ["n/a", [], {}, None])
async def test_nonsense_is_unknown(nonsense: object) -> None:
    found = await guest(
        {**VM, "cpu": nonsense, "mem": nonsense, "uptime": nonsense, "netin": nonsense}
    )
    assert found.cpu_percent is None
    assert found.memory_used is None
    assert found.started_at is None
    assert found.network_in is None


async def test_a_limit_may_be_a_fraction_of_a_core() -> None:
    assert (await guest({**CONTAINER, "maxcpu": 0.5})).cpu_count == 0.5


async def test_counts_templates_and_shows_none() -> None:
    found = await parsed(VM, {**VM, "vmid": 9000, "template": 1}, CONTAINER)
    assert found.templates == 1
    assert set(found.guests) == {103, 111}


async def test_leaves_out_rows_of_other_kinds_and_broken_ones() -> None:
    found = await parsed(
        {"type": "pool", "id": "/pool/x", "pool": "x"},
        {"type": "sdn", "id": "sdn/pve1/localnetwork"},
        {"type": "network", "id": "network/pve1/zone/x"},
        {"type": "qemu", "id": "qemu/?"},
        {"type": "node", "id": "node/?"},
        {"type": "storage", "id": "storage/?"},
    )
    assert found == Resources(nodes={}, guests={}, storages={})
    assert (await parse_resources(["text", None, VM], None, NOW)).guests.keys() == {103}


@pytest.mark.parametrize("data", [None, {}, "text"])
async def test_an_answer_that_is_no_list_is_refused(data: object) -> None:
    with pytest.raises(ProtocolError):
        await parse_resources(data, None)


async def test_an_offline_node_has_no_figures() -> None:
    found = await parsed(
        {"id": "node/pve2", "type": "node", "node": "pve2", "status": "offline"},
        {
            "type": "qemu",
            "id": "qemu/200",
            "vmid": 200,
            "node": "pve2",
            "status": "unknown",
        },
    )
    node, lost = found.nodes["pve2"], found.guests[200]
    assert node.online is False
    assert (node.cpu_percent, node.memory_total, node.started_at) == (None, None, None)
    assert (lost.state, lost.name, lost.memory_total) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "online"),
    [("online", True), ("offline", False), ("unknown", None), (None, None)],
)
async def test_knows_whether_a_node_is_online(
    status: str | None, online: bool | None
) -> None:
    found = await parsed({**NODE, "status": status})
    assert found.nodes["pve1"].online is online


# --- storages -----------------------------------------------------------------------


async def test_a_local_storage_belongs_to_its_node() -> None:
    found = await parsed(STORAGE, {**STORAGE, "node": "pve2", "disk": 20 * GIB})
    assert set(found.storages) == {("pve1", "local"), ("pve2", "local")}
    local = found.storages["pve1", "local"]
    assert (local.used, local.total) == (50 * GIB, 100 * GIB)
    assert local.content == ("backup", "iso")
    assert (local.node, local.nodes, local.available) == ("pve1", ("pve1",), True)


async def test_a_shared_storage_is_one_with_the_best_of_its_rows() -> None:
    nas = {**STORAGE, "storage": "nas", "shared": 1}
    found = await parsed(
        {**nas, "node": "pve2", "status": "unknown", "disk": 0, "maxdisk": 0}, nas
    )
    assert set(found.storages) == {(None, "nas")}
    storage = found.storages[None, "nas"]
    assert storage.available is True
    assert storage.nodes == ("pve1", "pve2")
    assert storage.total == 100 * GIB


async def test_a_storage_that_nobody_reaches_has_no_figures() -> None:
    found = await parsed({**STORAGE, "status": "unknown", "disk": 0, "maxdisk": 0})
    storage = found.storages["pve1", "local"]
    assert (storage.available, storage.used, storage.total) == (False, None, None)


async def test_a_storage_without_a_word_about_its_state_is_unknown() -> None:
    found = await parsed({**STORAGE, "status": "odd"})
    assert found.storages["pve1", "local"].available is None


# --- rounding and reuse ---------------------------------------------------------------


async def test_noise_gives_the_same_object() -> None:
    before = await parsed(VM, CONTAINER, NODE, STORAGE)
    noisy = {
        "cpu": 0.01238,
        "mem": 3 * GIB + MIB,
        "netin": 10 * MIB + 900_000,
        "uptime": 3611,
    }
    after = await parsed(
        {**VM, **noisy},
        {**CONTAINER, "uptime": 3610},
        {**NODE, "uptime": 86_412, "cpu": 0.5004},
        {**STORAGE, "disk": 50 * GIB + 4096},
        previous=before,
        now=NOW + timedelta(seconds=10),
    )
    assert after.guests[103] is before.guests[103]
    assert after.guests[111] is before.guests[111]
    assert after.nodes["pve1"] is before.nodes["pve1"]
    assert after.storages["pve1", "local"] is before.storages["pve1", "local"]


@pytest.mark.parametrize(
    "change",
    [
        {"cpu": 0.02},
        {"mem": 2 * GIB},
        {"name": "other"},
        {"status": "paused"},
        {"node": "pve2"},
        {"netin": 12 * MIB},
        {"tags": ""},
        {"lock": "backup"},
    ],
)
async def test_what_a_person_would_see_gives_a_new_object(
    change: dict[str, Any],
) -> None:
    before = await parsed(VM)
    after = await parsed({**VM, **change}, previous=before)
    assert after.guests[103] != before.guests[103]


async def test_a_restart_shows_in_the_time_of_start() -> None:
    before = await parsed(VM)
    after = await parsed({**VM, "uptime": 5}, previous=before)
    assert after.guests[103].started_at == NOW.replace(microsecond=0) - timedelta(
        seconds=5
    )


async def test_a_full_disk_is_not_rounded_beyond_its_size() -> None:
    size = 8 * GIB - 4096
    found = await guest({**CONTAINER, "disk": size, "maxdisk": size})
    assert found.disk_used == size


async def test_leaves_the_loop_to_others_in_between() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    rows = [{**VM, "vmid": 100 + number} for number in range(1000)]
    found = await parsed(*rows)
    counting.cancel()
    assert len(found.guests) == 1000
    assert turns >= 9


# --- one guest, asked directly ------------------------------------------------------


async def test_a_guest_asked_directly_tells_that_it_is_paused() -> None:
    listed = await guest(VM)
    now = parse_current_status(
        {
            **VM,
            "status": "running",
            "qmpstatus": "paused",
            "cpus": 2,
            "ha": {"managed": 0},
        },
        listed,
    )
    assert now.state is GuestState.PAUSED
    assert now.pool == "house"
    assert now.ha_state is None


async def test_a_container_has_no_second_word_for_its_state() -> None:
    listed = await guest(CONTAINER)
    now = parse_current_status(
        {"status": "stopped", "name": "mqtt", "vmid": 111, "ha": {"managed": 1}}, listed
    )
    assert now.state is GuestState.STOPPED
    assert now.ha_state == "unknown"
    managed = parse_current_status(
        {"status": "running", "ha": {"managed": 1, "state": "started"}}, listed
    )
    assert managed.ha_state == "started"
