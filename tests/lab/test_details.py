"""What nodes and guests tell one by one: hardware, services, configuration, inside."""

from typing import Any

import pytest

from lab.pve.guests import GuestState

from .conftest import Running, StartLab


async def test_disks(running: Running) -> None:
    path = "/nodes/pve2/disks/list"
    sda, sdb = await running.get(path)
    assert (sda["health"], sda["wearout"], sda["type"]) == ("FAILED", 4, "ssd")
    assert (sdb["health"], sdb["wearout"], sdb["type"]) == ("OK", "N/A", "hdd")
    rows = await running.get(path, skipsmart=1)
    assert {row["health"] for row in rows} == {"UNKNOWN"}


async def test_smart(running: Running, start_lab: StartLab) -> None:
    path = "/nodes/pve2/disks/smart"
    found = await running.get(path, disk="/dev/sda")
    assert (found["health"], found["type"]) == ("FAILED", "ata")
    assert found["attributes"][0]["name"] == "Reallocated_Sector_Ct"
    assert await running.get(path, disk="/dev/sda", healthonly=1) == {
        "health": "FAILED"
    }
    assert await running.refused("GET", path, disk="/dev/sdz") == (
        "500 disk '/dev/sdz' not found"
    )
    house = await start_lab("house")
    found = await house.get("/nodes/pve-core/disks/smart", disk="/dev/nvme0n1")
    assert (found["type"], found["wearout"]) == ("text", 97)


async def test_services(running: Running) -> None:
    node = running.cluster.nodes["pve1"]
    node.failed_services.add("pvestatd")
    rows = {row["service"]: row for row in await running.get("/nodes/pve1/services")}
    assert rows["pvestatd"]["active-state"] == "failed"
    assert rows["pveproxy"]["state"] == "running"
    path = "/nodes/pve1/services/pvestatd"
    assert (await running.get(f"{path}/state"))["state"] == "dead"
    task = await running.run(f"{path}/restart", token="everything")
    assert (task.type, task.id, task.exit_status) == ("srvrestart", "pvestatd", "OK")
    assert (await running.get(f"{path}/state"))["state"] == "running"
    await running.run(f"{path}/stop")
    assert (await running.get(f"{path}/state"))["active-state"] == "failed"
    assert await running.refused("POST", f"{path}/start", token="monitor") == (
        "403 Permission check failed (/nodes/pve1, Sys.Modify)"
    )


async def test_updates(start_lab: StartLab) -> None:
    house = await start_lab("house")
    path = "/nodes/pve-core/apt/update"
    rows = {row["Package"]: row for row in await house.get(path)}
    assert rows["pve-manager"]["OldVersion"] == "9.2.11"
    assert rows["openssl"]["Origin"] == "Debian"
    assert (await house.run(path)).type == "aptupdate"
    assert await house.refused("GET", path, token="monitor") == (
        "403 Permission check failed (/nodes/pve-core, Sys.Modify)"
    )


async def test_certificates(running: Running) -> None:
    ca, leaf = await running.get("/nodes/pve2/certificates/info", token="empty")
    assert ca["fingerprint"] == running.lab.pve.ca_fingerprint
    assert leaf["fingerprint"] == running.lab.pve.fingerprint("pve2")
    assert leaf["notafter"] > running.cluster.now()
    nodes = await running.get("/nodes", token="empty")
    assert nodes[1]["ssl_fingerprint"] == leaf["fingerprint"]


async def test_usb_devices_and_mappings(running: Running) -> None:
    hub, stick = await running.get("/nodes/pve1/hardware/usb")
    assert "usbpath" not in hub
    assert (stick["vendid"], stick["usbpath"], stick["port"]) == ("10c4", "4", 4)
    assert "serial" not in stick
    assert await running.refused("GET", "/nodes/pve1/hardware/usb", token="monitor")
    (mapping,) = await running.get("/cluster/mapping/usb", token="monitor")
    assert mapping["id"] == "zigbee"
    assert await running.get("/cluster/mapping/usb", token="empty") == []
    one = await running.get("/cluster/mapping/usb/zigbee")
    assert one["map"] == ["node=pve1,id=10c4:ea60,path=1-4"]
    assert await running.refused("GET", "/cluster/mapping/usb/none") == (
        "500 USB mapping 'none' not found"
    )


async def test_attaching_a_stick(running: Running) -> None:
    path = f"{running.guest(107)}/config"
    await running.call("PUT", path, usb0="mapping=zigbee,usb3=1")
    assert (await running.get(path))["usb0"] == "mapping=zigbee,usb3=1"
    assert await running.refused("PUT", path, usb1="mapping=none") == (
        "500 USB device mapping not found for 'none'"
    )
    assert await running.refused("PUT", path, usb1="host=1-4") == (
        "500 only root can set 'usb' config for real devices"
    )
    container = f"{running.guest(114)}/config"
    assert await running.refused("PUT", container, dev0="/dev/ttyUSB0") == (
        "500 configuring device passthrough is only allowed for root@pam"
    )


async def test_changing_a_configuration(running: Running) -> None:
    path = f"{running.guest(107)}/config"
    digest = (await running.get(path))["digest"]
    await running.call("PUT", path, token="everything", tags="one;two", digest=digest)
    assert (await running.rows("qemu"))["qemu/107"]["tags"] == "one;two"
    assert await running.refused("PUT", path, tags="x", digest=digest) == (
        "500 detected modified configuration - file changed by other user?"
    )
    await running.call("PUT", path, delete="tags")
    assert "tags" not in await running.get(path)
    assert await running.refused("PUT", path, token="monitor", tags="x")
    assert await running.refused("PUT", path, token="control", startup="order=1") == (
        "403 Permission check failed (/, Sys.Modify)"
    )
    upid = await running.call("POST", path, description="new")
    assert ":qmconfig:107:" in upid
    running.cluster.guests[107].lock = "backup"
    assert await running.refused("PUT", path, tags="x") == "500 VM is locked (backup)"
    pending = await running.get(f"{running.guest(107)}/pending")
    assert {"key": "description", "value": "new"} in pending


async def test_what_an_agent_says(running: Running) -> None:
    path = f"{running.guest(100)}/agent"
    loopback, first = (await running.get(f"{path}/network-get-interfaces"))["result"]
    assert loopback["ip-addresses"][0]["ip-address"] == "127.0.0.1"
    assert first["ip-addresses"][0]["ip-address"] == "192.168.1.50"
    (mount,) = (await running.get(f"{path}/get-fsinfo"))["result"]
    assert (mount["mountpoint"], mount["type"]) == ("/mnt/data", "ext4")
    assert (await running.get(f"{path}/get-osinfo"))["result"]["id"] == "linux"
    name = (await running.get(f"{path}/get-host-name"))["result"]["host-name"]
    assert name == "homeassistant"
    assert await running.call("POST", f"{path}/ping") == {"result": {}}


@pytest.mark.parametrize(
    ("vmid", "state", "reason"),
    [
        (107, "running", "500 No QEMU guest agent configured"),
        (108, "running", "500 QEMU guest agent is not running"),
        (100, "paused", "500 QEMU guest agent is not running"),
        (100, "stopped", "500 VM 100 is not running"),
    ],
)
async def test_agents_that_say_nothing(
    running: Running, vmid: int, state: str, reason: str
) -> None:
    running.cluster.set_state(vmid, GuestState(state))
    path = f"{running.guest(vmid)}/agent/get-fsinfo"
    assert await running.refused("GET", path) == reason


async def test_who_may_ask_an_agent(start_lab: StartLab) -> None:
    for version, privilege in (("8.4", "VM.Monitor"), ("9.2", "VM.GuestAgent.Audit")):
        running = await start_lab(pve_version=version)
        path = f"{running.guest(100)}/agent/get-fsinfo"
        assert (await running.get(path, token="monitor"))["result"]
        running.lab.pve.access.grant(
            "/vms/100", "PVEVMUser", tokens=["homeassistant@pve!empty"]
        )
        roles = running.lab.pve.access.roles
        roles["PVEVMUser"] -= {privilege, "VM.GuestAgent.Unrestricted"}
        refusal = await running.refused("GET", path, token="empty")
        assert refusal.startswith("403 Permission check failed (/vms/100, ")
        assert privilege in refusal


async def test_addresses_of_containers(running: Running) -> None:
    path = running.guest(102)
    rows = {row["name"]: row for row in await running.get(f"{path}/interfaces")}
    assert rows["eth0"]["inet"] == "192.168.1.52/24"
    kinds = [one["ip-address-type"] for one in rows["eth0"]["ip-addresses"]]
    assert kinds == ["inet", "inet6"]
    running.cluster.set_state(102, GuestState.STOPPED)
    assert await running.get(f"{path}/interfaces") is None


async def test_the_state_of_one_guest(running: Running) -> None:
    managed = await running.get(f"{running.guest(101)}/status/current")
    assert managed["ha"] == {"managed": 1, "state": "started"}
    assert managed["agent"] == 1
    paused = await running.get(f"{running.guest(103)}/status/current")
    assert (paused["status"], paused["qmpstatus"]) == ("running", "paused")
    assert paused["ha"] == {"managed": 0}
    assert paused["pressurecpusome"] == 0
    container = await running.get(f"{running.guest(110)}/status/current")
    assert (container["type"], container["pressurecpusome"]) == ("lxc", "0.00")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/nodes/pve1", "memused"),
        ("/nodes/pve1/qemu/100", "mem"),
        ("/nodes/pve3/lxc/110", "disk"),
        ("/nodes/pve3/storage/local", "used"),
    ],
)
async def test_history(running: Running, path: str, key: str) -> None:
    rows = await running.get(f"{path}/rrddata", timeframe="hour")
    assert len(rows) == 70
    assert rows[-1]["time"] - rows[0]["time"] == 69 * 60
    assert rows[-1][key] > 0


async def test_history_begins_with_the_start(running: Running) -> None:
    guest = running.cluster.guests[110]
    guest.started = running.cluster.now() - 600
    rows = await running.get("/nodes/pve3/lxc/110/rrddata", timeframe="hour")
    assert 8 <= sum("cpu" in row for row in rows) <= 11


async def test_replication(running: Running) -> None:
    (job,) = await running.get("/cluster/replication", token="monitor")
    assert (job["id"], job["source"], job["target"]) == ("113-0", "pve1", "pve2")
    (row,) = await running.get("/nodes/pve1/replication")
    assert (row["fail_count"], "error" in row) == (0, False)
    running.cluster.replications[0].failures = 2
    running.cluster.replications[0].error = "no space"
    (row,) = await running.get("/nodes/pve1/replication")
    assert (row["fail_count"], row["error"]) == (2, "no space")
    assert await running.get("/nodes/pve2/replication") == []
    assert await running.get("/cluster/replication", token="empty") == []


async def test_the_ha_manager_tells(running: Running) -> None:
    rows = await running.get("/cluster/ha/status/current")
    assert rows[0]["quorate"] == 1
    services = {row["sid"]: row["state"] for row in rows[1:]}
    assert services == {"vm:101": "started", "ct:102": "started"}
    assert {row["sid"] for row in await running.get("/cluster/ha/resources")} == {
        "vm:101",
        "ct:102",
    }


async def test_odds_and_ends(running: Running) -> None:
    found: dict[str, Any] = {
        path: await running.get(path)
        for path in (
            "/cluster/nextid",
            "/cluster/backup",
            "/nodes/pve1/subscription",
            "/nodes/pve1/config",
            "/nodes/pve1/netstat",
            "/storage",
        )
    }
    assert found["/cluster/nextid"] == "116"
    assert found["/cluster/backup"][0]["id"] == "backup-nightly"
    assert found["/nodes/pve1/subscription"]["status"] == "notfound"
    assert found["/nodes/pve1/config"]["wakeonlan"] == "BC:24:11:AA:00:01"
    assert {row["vmid"] for row in found["/nodes/pve1/netstat"]} >= {"100", "101"}
    storages = {row["storage"]: row for row in found["/storage"]}
    assert storages["nas"]["prune-backups"] == "keep-last=3"
    assert storages["plain-lvm"]["nodes"] == "pve3"


async def test_what_dies_on_its_own_leaves_no_task(running: Running) -> None:
    before = len(list(running.cluster.tasks))
    running.cluster.set_state(107, GuestState.STOPPED)
    assert (await running.rows("qemu"))["qemu/107"]["status"] == "stopped"
    assert len(list(running.cluster.tasks)) == before


async def test_a_storage_that_hangs_holds_up_who_asks(running: Running) -> None:
    faults = running.lab.pve.faults
    faults.storage_hangs("nas", 0.05)
    await running.get("/nodes/pve1/storage")
    assert running.lab.pve.requests[-1].seconds >= 0.05
    await running.get("/nodes/pve1/storage/local/content")
    assert running.lab.pve.requests[-1].seconds < 0.05
    assert await running.rows("storage")
    faults.storage_answers("nas")
    await running.get("/nodes/pve1/storage")
    assert running.lab.pve.requests[-1].seconds < 0.05


async def test_a_deleted_guest_is_gone_everywhere(running: Running) -> None:
    path = running.guest(102)
    running.cluster.delete_guest(102)
    assert "lxc/102" not in await running.rows("lxc")
    assert await running.refused("GET", f"{path}/config") == (
        "500 Configuration file 'nodes/pve2/lxc/102.conf' does not exist"
    )
    rows = await running.get("/cluster/ha/status/current")
    assert "ct:102" not in {row.get("sid") for row in rows}
    assert running.cluster.pools["home"] == {113}
