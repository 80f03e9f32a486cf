"""The one list that says everything, and what it says when something is missing."""

import pytest

from lab import Churn

from .conftest import Running, StartLab

POOL_TOKEN = "homeassistant@pve!pool"


async def test_rows_of_every_kind(running: Running) -> None:
    cluster = running.cluster
    node = (await running.rows("node"))["node/pve1"]
    assert node["status"] == "online"
    assert node["maxmem"] == 64 * 1024**3
    assert set(await running.rows("qemu")) == {
        f"qemu/{guest.vmid}" for guest in cluster.guests.values() if guest.is_vm
    }
    paused = (await running.rows("qemu"))["qemu/103"]
    assert (paused["status"], paused["disk"]) == ("paused", 0)
    container = (await running.rows("lxc"))["lxc/102"]
    assert container["disk"] > 0
    assert container["pool"] == "home"
    assert container["hastate"] == "started"
    assert (await running.rows("qemu"))["qemu/104"]["lock"] == "suspended"


async def test_a_storage_has_a_row_per_node_that_has_it(running: Running) -> None:
    rows = await running.rows("storage")
    shared = [row for row in rows.values() if row["storage"] == "nas"]
    assert {row["node"] for row in shared} == {"pve1", "pve2", "pve3"}
    assert {row["shared"] for row in shared} == {1}
    assert "storage/pve3/plain-lvm" in rows
    assert "storage/pve1/plain-lvm" not in rows
    local = [rows[f"storage/{name}/local"] for name in ("pve1", "pve2")]
    assert all(row["shared"] == 0 for row in local)
    assert all(row["status"] == "available" for row in local)


async def test_a_type_filters_the_rows(running: Running) -> None:
    for wanted, kinds in (
        ("node", {"node"}),
        ("vm", {"qemu", "lxc"}),
        ("storage", {"storage"}),
        ("sdn", {"network"}),
    ):
        rows = await running.get("/cluster/resources", type=wanted)
        assert {row["type"] for row in rows} == kinds


async def test_an_offline_node_and_what_was_on_it(running: Running) -> None:
    before = await running.rows("lxc")
    running.lab.pve.faults.node_dead("pve3")
    node = (await running.rows("node"))["node/pve3"]
    assert set(node) == {"id", "type", "node", "status", "level", "cgroup-mode"}
    assert node["status"] == "offline"
    after = await running.rows("lxc")
    assert after["lxc/114"] == before["lxc/114"]
    storage = (await running.rows("storage"))["storage/pve3/local-lvm"]
    assert storage["status"] == "available"


async def test_after_five_minutes_nothing_is_known_of_them(running: Running) -> None:
    cluster = running.cluster
    await running.rows("lxc")
    running.lab.pve.faults.node_dead("pve3")
    clock = cluster.clock
    cluster.clock = lambda: clock() + 299
    assert (await running.rows("lxc"))["lxc/114"]["status"] == "running"
    cluster.clock = lambda: clock() + 302
    assert (await running.rows("lxc"))["lxc/114"] == {
        "id": "lxc/114",
        "type": "lxc",
        "vmid": 114,
        "node": "pve3",
        "status": "unknown",
        "tags": "nice-to-have",
    }
    storage = (await running.rows("storage"))["storage/pve3/local-lvm"]
    assert storage["status"] == "unknown"
    assert "disk" not in storage
    assert (await running.rows("lxc"))["lxc/102"]["status"] == "running"


async def test_a_storage_that_went_away_is_unknown_at_once(running: Running) -> None:
    cluster = running.cluster
    for space in cluster.storages["nas"].distinct_spaces():
        space.active = False
    rows = await running.rows("storage")
    assert {row["status"] for row in rows.values() if row["storage"] == "nas"} == {
        "unknown"
    }
    listed = await running.get("/nodes/pve1/storage")
    (nas,) = [row for row in listed if row["storage"] == "nas"]
    assert nas["active"] == 0
    assert "total" not in nas


async def test_the_rhythm_of_the_collector(start_lab: StartLab) -> None:
    running = await start_lab(resources_interval=3600.0)
    running.cluster.set_state(107, running.cluster.guests[104].state)
    assert (await running.rows("qemu"))["qemu/107"]["status"] == "running"
    current = await running.get("/nodes/pve2/qemu/107/status/current")
    assert current["status"] == "stopped"
    running.cluster.statistics.refresh()
    assert (await running.rows("qemu"))["qemu/107"]["status"] == "stopped"


async def test_without_rights_rows_are_missing_or_empty(running: Running) -> None:
    assert await running.get("/cluster/resources", token="empty") == [
        {
            "id": f"node/{name}",
            "type": "node",
            "node": name,
            "level": "",
            "cgroup-mode": 2,
            "status": "online",
            "hastate": "online",
        }
        for name in ("pve1", "pve2", "pve3")
    ]


async def test_a_pool_gives_rights_on_its_guests(running: Running) -> None:
    access = running.lab.pve.access
    token = access.add_token("homeassistant@pve", "pool")
    access.grant("/pool/home", "PVEAuditor", tokens=[POOL_TOKEN])
    assert set(await running.rows("lxc", token=token)) == {
        f"lxc/{vmid}" for vmid in running.cluster.pools["home"]
    }
    assert await running.rows("storage", token=token) == {}
    assert set(await running.rows("pool", token=token)) == {"/pool/home"}


async def test_what_9_lists_and_8_does_not(start_lab: StartLab) -> None:
    old, new = await start_lab(pve_version="8.4"), await start_lab()
    assert not await old.rows("network")
    assert set(await old.rows("sdn")) == {
        f"sdn/{name}/localnetwork" for name in old.cluster.nodes
    }
    assert not await new.rows("sdn")
    assert len(await new.rows("network")) == 3
    assert "memhost" in (await new.rows("qemu"))["qemu/107"]
    assert "memhost" not in (await old.rows("qemu"))["qemu/107"]
    assert "hastate" not in (await old.rows("node"))["node/pve1"]


async def test_a_paused_vm_is_running_in_the_list_of_its_node(
    running: Running,
) -> None:
    path = "/nodes/pve1/qemu"
    plain = {row["vmid"]: row for row in await running.get(path)}
    full = {row["vmid"]: row for row in await running.get(path, full=1)}
    assert plain[103]["status"] == "running"
    assert "qmpstatus" not in plain[103]
    assert (full[103]["status"], full[103]["qmpstatus"]) == ("running", "paused")


async def test_members_and_quorum(running: Running) -> None:
    rows = await running.get("/cluster/status")
    assert rows[0]["quorate"] == 1
    assert [row["ip"] for row in rows[1:]] == [
        running.lab.pve.host(name) for name in running.cluster.nodes
    ]
    running.cluster.node_off("pve2")
    running.cluster.node_off("pve3")
    rows = await running.get("/cluster/status")
    assert rows[0]["quorate"] == 0
    assert [row["online"] for row in rows[1:]] == [1, 0, 0]


async def test_a_single_host_has_no_row_of_a_cluster(start_lab: StartLab) -> None:
    house = await start_lab("house")
    assert [row["type"] for row in await house.get("/cluster/status")] == ["node"]


@pytest.mark.parametrize(
    ("churn", "moving"),
    [
        (Churn.FROZEN, set[str]()),
        (Churn.QUIET, {"uptime"}),
        (
            Churn.CHANGING,
            {"uptime", "cpu", "mem", "memhost", "netin", "netout", "diskread"}
            | {"diskwrite"},
        ),
    ],
)
async def test_which_figures_move(
    start_lab: StartLab, churn: Churn, moving: set[str]
) -> None:
    running = await start_lab(churn=churn)
    clock = running.cluster.clock
    before = (await running.rows("qemu"))["qemu/107"]
    running.cluster.clock = lambda: clock() + 10
    after = (await running.rows("qemu"))["qemu/107"]
    assert {key for key in after if after[key] != before[key]} == moving
