"""The control page: its interface, action by action."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
import re
from typing import Any

from aiohttp import ClientSession
import pytest

from lab.control import ACTIONS
from lab.pve.cluster import Cluster

from .conftest import Running, StartLab, until


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page of a running lab."""

    running: Running
    client: ClientSession

    @property
    def cluster(self) -> Cluster:
        """What the page is about."""
        return self.running.cluster

    async def act(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Carry out an action that must work; return the new state."""
        async with self.client.post("/action", json={"do": do, **arguments}) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def refused(self, **arguments: Any) -> str:
        """Return what is said of an action that cannot be."""
        async with self.client.post("/action", json=arguments) as answer:
            assert answer.status == 400
            return str((await answer.json())["error"])


@pytest.fixture
async def page(start_lab: StartLab) -> AsyncIterator[Page]:
    running = await start_lab(control_port=0)
    url = f"http://127.0.0.1:{running.lab.control_port}"
    async with ClientSession(url) as client:
        yield Page(running=running, client=client)


def guest_of(found: dict[str, Any], vmid: int) -> dict[str, Any]:
    """Return the row of a guest."""
    (row,) = [row for row in found["guests"] if row["vmid"] == vmid]
    return dict(row)


async def test_the_page_itself(page: Page) -> None:
    async with page.client.get("/") as answer:
        assert answer.content_type == "text/html"
        text = await answer.text()
    asked = set(re.findall(r'do(?:=|: )"(\w+)"', text))
    assert {"node_off", "start", "fill", "revoke"} <= asked <= {*ACTIONS, "equipment"}


async def test_state(page: Page) -> None:
    async with page.client.get("/state") as answer:
        found = await answer.json()
    assert found["name"] == "homelab"
    assert found["quorate"]
    assert [node["name"] for node in found["nodes"]] == ["pve1", "pve2", "pve3"]
    assert len(found["guests"]) == 60
    assert guest_of(found, 103)["state"] == "paused"
    names = [(row["id"], row["node"]) for row in found["storages"]]
    assert ("nas", "") in names
    assert ("local", "pve2") in names


async def test_requests_are_counted(page: Page) -> None:
    await page.running.get("/cluster/status")
    async with page.client.get("/requests") as answer:
        found = await answer.json()
    assert (found["count"], found["paths"]) == (1, ["GET /cluster/status"])
    assert found["bytes"] > 100
    async with page.client.post("/reset") as answer:
        assert answer.status == 200
    async with page.client.get("/requests") as answer:
        assert (await answer.json())["count"] == 0


async def test_guests(page: Page) -> None:
    cluster = page.cluster
    found = await page.act("set_state", vmid=107, state="stopped")
    assert guest_of(found, 107)["state"] == "stopped"
    await page.act("start", vmid="107")
    await until(lambda: cluster.guests[107].alive)
    await page.act("shutdown", vmid=107)
    await until(lambda: not cluster.guests[107].alive)
    found = await page.act("lock", vmid=107, lock="backup")
    assert guest_of(found, 107)["lock"] == "backup"
    found = await page.act("lock", vmid=107)
    assert guest_of(found, 107)["lock"] is None
    found = await page.act("hibernate", vmid=115)
    assert guest_of(found, 115)["lock"] == "suspended"
    found = await page.act("rename", vmid=107, name="new-name")
    assert guest_of(found, 107)["name"] == "new-name"
    found = await page.act("move", vmid=107, node="pve3")
    assert guest_of(found, 107)["node"] == "pve3"
    found = await page.act("delete", vmid=107)
    assert len(found["guests"]) == 59


async def test_storages(page: Page) -> None:
    faults = page.running.lab.pve.faults
    found = await page.act("fill", storage="local", node="pve2", percent="95")
    used = {(row["id"], row["node"]): row["used"] for row in found["storages"]}
    assert used["local", "pve2"] == 95.0
    assert used["local", "pve1"] < 50
    found = await page.act("activate", storage="nas", active="false")
    assert [row["active"] for row in found["storages"] if row["id"] == "nas"] == [False]
    await page.act("activate", storage="nas")
    assert page.cluster.storages["nas"].spaces["pve1"].active
    await page.act("storage_hangs", storage="nas")
    assert faults.storage_delay("nas", "pve1") == 30
    await page.act("storage_answers", storage="nas")
    assert faults.storage_delay("nas", "pve1") == 0


async def test_nodes(page: Page) -> None:
    pve = page.running.lab.pve
    for off, on in (("node_off", "node_on"), ("node_dead", "node_alive")):
        found = await page.act(off, node="pve3")
        assert [node["online"] for node in found["nodes"]] == [True, True, False]
        found = await page.act(on, node="pve3")
        assert all(node["online"] for node in found["nodes"])
    await page.act("node_hangs", node="pve2")
    assert pve.cluster.reachability("pve1", "pve2") == 596
    await page.act("clear")
    assert pve.cluster.reachability("pve1", "pve2") is None
    before = pve.fingerprint("pve1")
    await page.act("renew_certificate", node="pve1")
    assert pve.fingerprint("pve1") != before


async def test_faults(page: Page) -> None:
    running = page.running
    found = await page.act(
        "fail", path="/cluster/status", method="GET", status=500, reason="broken"
    )
    assert found["rules"] == ["fail GET /cluster/status"]
    assert await running.refused("GET", "/cluster/status") == "500 broken"
    await page.act("html", path="/version")
    await page.act("cut", path="/nodes")
    await page.act("latency", seconds="0.001")
    assert running.lab.pve.faults.latency == 0.001
    found = await page.act("clear")
    assert found["rules"] == []
    assert running.lab.pve.faults.latency == 0
    assert (await page.act("churn", churn="changing"))["churn"] == "changing"
    await page.act("revoke", token="monitor")
    refusal = await running.refused("GET", "/version", token="monitor")
    assert refusal == "401 Authentication failed!"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "there is no 'do'"),
        ({"do": "explode"}, "there is no action explode; there are"),
        ({"do": "start", "vmid": 999}, "there is no 999"),
        ({"do": "start", "vmid": "x"}, "invalid literal for int()"),
        ({"do": "set_state", "vmid": 107, "state": "odd"}, "'odd' is not a valid"),
        ({"do": "move", "vmid": 107, "node": "pve9"}, "there is no 'pve9'"),
        ({"do": "node_dead", "node": "pve9"}, "there is no 'pve9'"),
        ({"do": "storage_hangs", "storage": "x"}, "there is no 'x'"),
        ({"do": "churn", "churn": "wild"}, "'wild' is not a valid Churn"),
        ({"do": "revoke", "token": "x"}, "there is no 'x'"),
    ],
)
async def test_what_cannot_be(
    page: Page, arguments: dict[str, Any], complaint: str
) -> None:
    assert (await page.refused(**arguments)).startswith(complaint)


async def test_a_token_is_revoked_once(page: Page) -> None:
    await page.act("revoke", token="monitor")
    assert "no such token" in await page.refused(do="revoke", token="monitor")
