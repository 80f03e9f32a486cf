"""The scenarios: what they promise, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from lab import Lab, describe
from lab.reading import ScenarioError, size

from .conftest import Running, StartLab

# What the owner of the house wrote down: number, kind, name, state, processors,
# memory and disk in bytes. None is what they left out.
_MIB, _GIB = 1024**2, 1024**3
HOUSE = [
    (103, "qemu", "homeassistant", "running", None, 6144 * _MIB, 100 * _GIB),
    (200, "qemu", "win11-admin", "running", None, 12000 * _MIB, 100 * _GIB),
    (100, "lxc", "docker-services", "running", 2, None, None),
    (101, "lxc", "homebox", "running", 1, None, None),
    (102, "lxc", "paperless-ngx", "running", 2, None, None),
    (104, "lxc", "esphome", "running", 2, None, None),
    (105, "lxc", "frigate", "running", 4, None, None),
    (106, "lxc", "emqx", "running", 2, None, None),
    (107, "lxc", "node-red", "running", 2, None, None),
    (108, "lxc", "grafana", "running", 1, None, None),
    (109, "lxc", "chirpstack", "running", 2, None, None),
    (110, "lxc", "zigbee2mqtt", "running", 1, None, None),
    (111, "lxc", "zigbee2mqtt-garasje", "stopped", None, None, None),
    (112, "lxc", "zwave-js-ui-hus", "running", 2, None, None),
    (113, "lxc", "zwave-js-ui-garasje", "stopped", None, None, None),
    (150, "lxc", "claude-agents", "running", 2, 2048 * _MIB, 20 * _GIB),
]
TAGS = {
    103: "community-script",
    101: "community-script;household;inventory",
    102: "community-script;document;management",
    104: "automation;community-script",
    106: "community-script;mqtt",
    108: "community-script;monitoring;visualization",
}
DESCRIPTIONS = {
    103: "HomeAssistant prod-instans",
    200: "Windows 11 admin-maskin hvor General AI kjører",
    100: "Docker-baserte tjenester",
    101: "Household inventory management",
    102: "Dokumentarkiv/håndtering",
    104: "ESPHome for custom IoT-enheter",
    105: "Video overvåkning med AI object detection",
    106: "Dedikert MQTT broker (EMQ)",
    107: "Node-RED for automasjonslogikk",
    108: "Grafana visualisering og monitoring",
    109: "ChirpStack LoRaWAN network server",
    110: "Zigbee2MQTT for huset",
    111: "Zigbee2MQTT for garasjen (ikke i bruk)",
    112: "Z-Wave JS UI for huset",
    113: "Z-Wave JS UI for garasjen (ikke i bruk)",
    150: "Dedikert Linux-miljø for alle Claude Code agenter",
}


async def test_the_house_is_as_it_was_written_down(start_lab: StartLab) -> None:
    house = await start_lab("house")
    rows = {
        row["vmid"]: row for row in await house.get("/cluster/resources", type="vm")
    }
    assert set(rows) - {9000} == {guest[0] for guest in HOUSE}
    for vmid, kind, name, state, cores, memory, disk in HOUSE:
        row = rows[vmid]
        assert (row["type"], row["name"], row["status"]) == (kind, name, state)
        assert row.get("tags") == TAGS.get(vmid)
        assert cores in (None, row["maxcpu"])
        assert memory in (None, row["maxmem"])
        assert disk in (None, row["maxdisk"])
        config = await house.get(f"/nodes/pve-core/{kind}/{vmid}/config")
        assert config["description"] == DESCRIPTIONS[vmid]
    assert rows[9000]["template"] == 1


async def test_the_host_of_the_house(start_lab: StartLab) -> None:
    house = await start_lab("house")
    status = await house.get("/nodes/pve-core/status")
    assert "6.8.12-4-pve" in status["kversion"]
    shares = {
        row["storage"]: round(100 * row["disk"] / row["maxdisk"], 1)
        for row in (await house.rows("storage")).values()
    }
    assert (shares["local"], shares["local-lvm"]) == (15.2, 34.0)
    assert set(shares) == {"local", "local-lvm", "s11"}
    sdn = next(iter((await house.rows("network")).values()))
    assert (sdn["network"], sdn["node"]) == ("localnetwork", "pve-core")
    interfaces = await house.get("/nodes/pve-core/lxc/150/interfaces")
    assert "10.12.0.145/24" in {row.get("inet") for row in interfaces}


async def test_the_own_guest_is_marked_for_its_host(start_lab: StartLab) -> None:
    smbios = "11111111-2222-4333-8444-555555555555"
    house = await start_lab(
        "house",
        self_mac="bc:24:11:5e:1f:03",
        self_smbios=smbios,
        self_addresses=("127.0.0.1",),
    )
    config = await house.get("/nodes/pve-core/qemu/103/config")
    assert "BC:24:11:5E:1F:03" in config["net0"]
    assert config["smbios1"] == f"uuid={smbios}"
    path = "/nodes/pve-core/qemu/103/agent/network-get-interfaces"
    found = (await house.get(path))["result"][1]
    assert found["ip-addresses"][0]["ip-address"] == "127.0.0.1"
    mounts = await house.get(path.replace("network-get-interfaces", "get-fsinfo"))
    assert {row["mountpoint"] for row in mounts["result"]} == {"/", "/mnt/data"}


async def test_the_cluster(running: Running) -> None:
    cluster = running.cluster
    assert len(cluster.guests) == 60
    assert {name: len(members) for name, members in cluster.pools.items()} == {
        "home": 2,
        "services": 14,
        "work": 12,
        "media": 8,
    }
    assert cluster.guests[201].name == "service-2"
    assert cluster.guests[201].node == "pve2"
    states = {guest.state.value for guest in cluster.guests.values()}
    assert states >= {"running", "stopped", "paused", "io-error"}
    pool = await running.get("/pools/media")
    assert [row["vmid"] for row in pool["members"]] == list(range(400, 408))
    listed = await running.get("/pools")
    assert {row["poolid"] for row in listed} == set(cluster.pools)
    (one,) = await running.get("/pools", poolid="home", type="lxc")
    assert [row["vmid"] for row in one["members"]] == [102, 113]
    assert await running.refused("GET", "/pools/none") == "500 no such pool 'none'"


async def test_who_may_a_little_here_and_less_there(running: Running) -> None:
    guests = await running.rows("qemu", token="operator")
    assert "qemu/107" in guests
    assert "qemu/109" not in guests
    storages = await running.rows("storage", token="operator")
    assert "storage/pve1/local" in storages
    assert "storage/pve1/nas" not in storages
    path = "/nodes/pve2/lxc/{}/status/stop"
    task = await running.run(path.format(400), token="operator")
    assert task.exit_status == "OK"
    assert await running.refused("POST", path.format(102), token="operator") == (
        "403 Permission check failed (/vms/102, VM.PowerMgmt)"
    )


def test_a_large_cluster_is_always_the_same() -> None:
    found = describe("large")
    assert found == describe("large")
    assert (len(found["nodes"]), len(found["guests"])) == (16, 1000)
    small = describe("large:3/60")
    assert (len(small["nodes"]), len(small["guests"])) == (3, 60)
    rows = sum(1 if storage.get("shared") else 16 for storage in found["storages"])
    assert rows == 40
    assert describe("large:1/15")["name"] is None


async def test_a_large_cluster_answers(start_lab: StartLab) -> None:
    running = await start_lab("large")
    rows = await running.get("/cluster/resources", token="monitor")
    kinds = [row["type"] for row in rows]
    assert kinds.count("node") == 16
    assert kinds.count("qemu") + kinds.count("lxc") == 1000


NODE = "nodes: [{name: one}]\n"
STORAGE = "storages: [{id: local-lvm, type: lvmthin, content: [images], total: 1G}]\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- 1", "wrong.yaml describes no nodes"),
        ("nodes: []", "wrong.yaml describes no nodes"),
        ("nodes: [", "wrong.yaml is no YAML: "),
        ("nodes: [{memory: 1G}]", "wrong.yaml: 'name' is missing"),
        ("nodes: [{name: one}, {name: one}]", "wrong.yaml: two nodes have one name"),
        (NODE + "guest: []", "wrong.yaml: nobody knows guest"),
        ("nodes: [{name: one, memory: much}]", "node one: 'much' is no size"),
        ("nodes: [{name: one, ram: 1G}]", "node one: nobody knows ram"),
        (NODE + "storages: [{id: nas, type: nfs}]", "storage nas: 'total' is missing"),
        (
            NODE + "guests: [{vmid: 100, name: a, node: two}]",
            "guest 100: two is no node",
        ),
        (
            NODE + "guests: [{vmid: 100, name: a, node: one}]",
            "guest 100: local-lvm is no storage",
        ),
        (
            NODE + STORAGE + "guests: [{vmid: 100, name: a, node: one, state: odd}]",
            "guest 100: 'odd' is not a valid GuestState",
        ),
        (
            NODE + STORAGE + "guests: [{vmid: 100, name: a, node: one, count: 2},"
            " {vmid: 101, name: b, node: one}]",
            "guest 101: there are two guests 101",
        ),
        (NODE + "backups: [{storage: nas}]", "backups: 'nas' is missing"),
        (NODE + "replications: [{vmid: 1}]", "replications: 1 is missing"),
        (NODE + "access: {acl: [{path: /}]}", "access: 'roles' is missing"),
    ],
)
async def test_what_is_wrong_and_where(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as found:
        await Lab(f"{path}").start()
    assert str(found.value).startswith(complaint)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("castle", "there is no scenario castle; there are cluster, house, large"),
        ("large:many", "'many' is no size such as 3/60"),
    ],
)
def test_scenarios_that_there_are_not(name: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as found:
        Lab(name)
    assert str(found.value) == complaint


@pytest.mark.parametrize(
    ("text", "expected"),
    [("6G", 6 * _GIB), ("512M", 512 * _MIB), (17, 17), ("1.5K", 1536)],
)
def test_sizes(text: object, expected: int) -> None:
    assert size(text) == expected
