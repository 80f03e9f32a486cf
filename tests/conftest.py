"""What every test runs in."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
import socket
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest
import pytest_socket

from custom_components.proxmox_homelab.own_guest import read_host_identity
from custom_components.proxmox_homelab.proxmox import evidence
from lab import Lab, LabSettings
from lab.mqtt import Bridge, Broker

from .common import OWN_MAC, MakeBridge

_REAL_SOCKET = socket.socket


def pytest_configure() -> None:
    """Import our `custom_components` before the test package offers its own."""
    import_module("custom_components")


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Allow real sockets on loopback, where the lab's nodes have an address each.

    The test package of Home Assistant forbids all sockets in `pytest_runtest_setup`;
    fixtures, which may already need them, are made within that same hook.
    """
    if socket.socket is not _REAL_SOCKET:
        pytest_socket.enable_socket()
        pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1"])


@pytest.fixture(autouse=True)
def _enable_custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the integration, in the tests that start one."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def all_entities_enabled() -> Iterator[None]:
    """Enable the entities that are off until somebody asks for them."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new=PropertyMock(return_value=True),
    ):
        yield


@pytest.fixture
def own_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this host the MAC address of the lab's own guest; return its sysfs.

    Which network interfaces a host has cannot be played on loopback.
    """
    sysfs = tmp_path / "sys"
    interface = sysfs / "class/net/eth0"
    interface.mkdir(parents=True)
    (interface / "address").write_text(f"{OWN_MAC}\n")
    monkeypatch.setattr(
        evidence, "read_host_identity", partial(read_host_identity, sysfs=sysfs)
    )
    return sysfs


@pytest.fixture
async def lab(
    request: pytest.FixtureRequest, own_host: Path, socket_enabled: None
) -> AsyncIterator[Lab]:
    """Run a lab; a test may name another scenario than the house by `parametrize`."""
    scenario = getattr(request, "param", "house")
    async with Lab(scenario, settings=LabSettings(self_mac=OWN_MAC)) as running:
        yield running


@pytest.fixture
async def make_bridge(broker: Broker) -> AsyncIterator[MakeBridge]:
    """Start bridges of the lab that end with the test, on the broker of its tests."""
    made: list[Bridge] = []

    async def make(base: str = "zigbee2mqtt", **options: Any) -> Bridge:
        bridge = Bridge(broker, base, **options)
        made.append(bridge)
        await bridge.start()
        return bridge

    yield make
    for bridge in made:
        await bridge.stop()


@pytest.fixture
async def bridge(make_bridge: MakeBridge) -> Bridge:
    """Run a bridge of the lab with five devices."""
    return await make_bridge()
