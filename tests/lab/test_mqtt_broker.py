"""The broker: what it serves, whom it lets in, and how it fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import socket
import ssl
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from freezegun.api import FrozenDateTimeFactory
import pytest

from lab import LabSettings
from lab.mqtt import HOST, Broker, Client, backends
from lab.reading import ScenarioError

from .mqtt import connected

type MakeBroker = Callable[..., Awaitable[Broker]]


@pytest.fixture(params=["mosquitto", "embedded"])
async def make_broker(request: pytest.FixtureRequest) -> AsyncIterator[MakeBroker]:
    """Start brokers of every program that is here."""
    if request.param not in backends():
        pytest.skip("not installed")
    made: list[Broker] = []

    async def make(**given: Any) -> Broker:
        broker = Broker(settings=LabSettings(broker=request.param), **given)
        made.append(broker)
        await broker.start()
        return broker

    yield make
    for broker in made:
        await broker.close()


@asynccontextmanager
async def dying(broker: Broker, **given: Any) -> AsyncIterator[Client]:
    """Connect a client that must have been cut off by the end."""
    with pytest.raises(aiomqtt.MqttError):  # noqa: PT012
        async with connected(broker, **given) as client:
            yield client
            await read(client)


async def read(client: Client, count: int = 1) -> list[tuple[str, bytes, bool]]:
    """Return the next messages: topic, payload, and whether they were retained."""
    found: list[tuple[str, bytes, bool]] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            message = await anext(client.messages)
            assert isinstance(message.payload, bytes)
            found.append((f"{message.topic}", message.payload, message.retain))
    return sorted(found)


async def retained(broker: Broker, topic: str) -> list[tuple[str, bytes, bool]]:
    """Return what a new client finds under a filter."""
    async with connected(broker) as client:
        await client.subscribe([(topic, 0), ("end/of/it", 0)])
        await client.publish("end/of/it", b"")
        found: list[tuple[str, bytes, bool]] = []
        while (message := (await read(client))[0])[0] != "end/of/it":
            found.append(message)
        return sorted(found)


async def test_messages_are_retained_for_wildcards(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    async with connected(broker) as client:
        for base in ("one", "two", "deep/three"):
            topic = f"{base}/bridge/state"
            await client.publish(topic, b"online", qos=1, retain=True)
    assert await retained(broker, "+/bridge/state") == [
        ("one/bridge/state", b"online", True),
        ("two/bridge/state", b"online", True),
    ]
    assert await retained(broker, "+/+/bridge/state") == [
        ("deep/three/bridge/state", b"online", True)
    ]


async def test_an_empty_payload_clears_what_is_retained(
    make_broker: MakeBroker,
) -> None:
    broker = await make_broker()
    async with connected(broker) as client:
        await client.subscribe("lamp/availability")
        for payload in (b"online", b""):
            await client.publish("lamp/availability", payload, qos=1, retain=True)
        messages = [(await read(client))[0] for _ in range(2)]
    assert [payload for _, payload, _ in messages] == [b"online", b""]
    assert await retained(broker, "lamp/#") == []


async def test_order_is_kept_and_big_messages_arrive(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    async with connected(broker) as client:
        await client.subscribe("x", qos=1)
        sent = [str(i).encode() * (40_000 if i == 7 else 1) for i in range(50)]
        for number, payload in enumerate(sent):
            await client.publish("x", payload, qos=number % 2)
        got = [(await read(client))[0][1] for _ in sent]
    assert got == sent


async def test_the_will_of_a_client_that_dies(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    will = aiomqtt.Will("z/bridge/state", b"offline", 1, True)
    async with connected(broker) as watcher:
        await watcher.subscribe("z/bridge/state")
        async with connected(broker, will=will):
            pass
        async with dying(broker, will=will) as client:
            client.cut()
        assert await read(watcher) == [("z/bridge/state", b"offline", False)]
    assert await retained(broker, "z/#") == [("z/bridge/state", b"offline", True)]


async def test_a_broker_that_ends_leaves_the_wills(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    will = aiomqtt.Will("z/bridge/state", b"offline", 1, True)
    async with dying(broker, will=will) as client:
        await client.publish("z/bridge/state", b"online", qos=1, retain=True)
        await broker.restart()
    assert await retained(broker, "z/#") == [("z/bridge/state", b"offline", True)]


async def test_a_second_client_of_one_name_ends_the_first(
    make_broker: MakeBroker,
) -> None:
    broker = await make_broker()
    async with (
        dying(broker, identifier="same"),
        connected(broker, identifier="same") as second,
    ):
        await second.subscribe("x")
        await second.publish("x", b"1")
        assert await read(second) == [("x", b"1", False)]


async def test_user_and_password(make_broker: MakeBroker) -> None:
    broker = await make_broker(user="home", password="first")
    async with connected(broker):
        pass
    for wrong in ({"password": "x"}, {"username": "x"}, {"username": None}):
        with pytest.raises(MqttConnectError, match="Not authorized"):
            async with connected(broker, **wrong):
                pass


async def test_another_password_cuts_off_and_refuses_the_old_one(
    make_broker: MakeBroker,
) -> None:
    broker = await make_broker(user="home", password="first")
    async with dying(broker):
        await broker.change_password("second")
    with pytest.raises(MqttConnectError, match="Not authorized"):
        async with connected(broker, password="first"):
            pass
    async with connected(broker, password="second"):
        pass


async def test_the_password_survives_a_restart(make_broker: MakeBroker) -> None:
    broker = await make_broker(user="home", password="first")
    await broker.stop()
    await broker.change_password("second")
    await broker.start()
    async with connected(broker, password="second"):
        pass


async def test_stop_and_start_on_the_same_port(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    port = broker.port
    async with connected(broker) as client:
        await client.publish("kept", b"1", qos=1, retain=True)
    assert broker.state() == {
        "name": "broker",
        "kind": "broker",
        "port": port,
        "condition": "running",
        "faults": [],
    }
    await broker.stop()
    assert broker.state()["condition"] == "stopped"
    with pytest.raises(aiomqtt.MqttError, match="refused"):
        async with connected(broker):
            pass
    await broker.stop()
    await broker.start()
    await broker.start()
    assert broker.port == port
    assert await retained(broker, "kept") == [("kept", b"1", True)]


async def test_a_stop_cuts_clients_off(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    async with dying(broker):
        await broker.stop()


async def test_a_stop_does_not_wait_for_a_stranger(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    reader, writer = await asyncio.open_connection(HOST, broker.port)
    async with asyncio.timeout(5):
        await broker.stop()
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    ("given", "restart"), [({}, {"forget": True}), ({"persistence": False}, {})]
)
async def test_memory_can_be_lost(
    make_broker: MakeBroker, given: dict[str, Any], restart: dict[str, Any]
) -> None:
    broker = await make_broker(**given)
    async with connected(broker) as client:
        await client.publish("kept", b"1", qos=1, retain=True)
    assert await retained(broker, "kept") == [("kept", b"1", True)]
    await broker.restart(**restart)
    assert await retained(broker, "kept") == []


async def test_what_was_retained_before_the_start(make_broker: MakeBroker) -> None:
    broker = await make_broker(user="home", password="x")
    await broker.stop()
    broker.remember("z/bridge/state", b"offline")
    await broker.start()
    assert await retained(broker, "z/#") == [("z/bridge/state", b"offline", True)]


async def test_a_broker_that_hangs(make_broker: MakeBroker) -> None:
    broker = await make_broker(tls=True)
    await broker.hang()
    assert broker.state()["condition"] == "hanging"
    for port in (broker.port, broker.tls_port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        writer.close()
    await broker.start()
    assert broker.state()["condition"] == "running"
    async with connected(broker):
        pass


def trusting(broker: Broker) -> ssl.SSLContext:
    """Return a context that trusts the broker's authority."""
    assert broker.tls is not None
    return ssl.create_default_context(cadata=broker.tls.ca_pem)


async def test_the_port_with_encryption(make_broker: MakeBroker) -> None:
    broker = await make_broker(tls=True, user="home", password="x")
    assert broker.tls_port not in (None, broker.port)
    context = trusting(broker)
    async with connected(broker, port=broker.tls_port, tls_context=context) as client:
        await client.subscribe("x")
        await client.publish("x", b"1")
        assert await read(client) == [("x", b"1", False)]
    with pytest.raises(aiomqtt.MqttError, match="certificate verify failed"):
        async with connected(
            broker, port=broker.tls_port, tls_context=ssl.create_default_context()
        ):
            pass


async def test_a_client_certificate_can_be_demanded(make_broker: MakeBroker) -> None:
    broker = await make_broker(client_certificate=True)
    assert broker.tls is not None
    with pytest.raises(aiomqtt.MqttError):
        async with connected(
            broker, port=broker.tls_port, tls_context=trusting(broker), timeout=0.2
        ) as client:
            await read(client)
    context = trusting(broker)
    context.load_cert_chain(*broker.tls.client_files)
    async with connected(broker, port=broker.tls_port, tls_context=context):
        pass


async def test_figures_of_the_broker(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    async with connected(broker) as client:
        await client.subscribe("$SYS/broker/version")
        ((_, version, _),) = await read(client)
        assert version.startswith((b"mosquitto version ", b"aMQTT version "))
        await client.unsubscribe("$SYS/broker/version")
        await client.subscribe("$SYS/broker/uptime")
        ((_, uptime, _),) = await read(client)
        assert uptime.endswith(b" seconds")
    assert not [topic for topic, _, _ in await retained(broker, "#")]


async def test_figures_can_be_denied(make_broker: MakeBroker) -> None:
    broker = await make_broker(user="home", password="x")
    await broker.deny("$SYS/#")
    async with connected(broker) as client:
        (granted,) = await client.subscribe("$SYS/#")
        refused = f"{granted}" == "Unspecified error"
        assert refused == (broker.backend == "embedded")
        await client.subscribe("own")
        await client.publish("own", b"1")
        assert await read(client) == [("own", b"1", False)]
    assert broker.state()["faults"] == ["$SYS/# denied"]
    await broker.deny()
    async with connected(broker) as client:
        await client.subscribe("$SYS/broker/version")
        assert await read(client)


async def test_it_tells_what_was_subscribed(make_broker: MakeBroker) -> None:
    broker = await make_broker()
    async with connected(broker, identifier="me") as client:
        await client.subscribe([("a b/+/state", 1), ("x/#", 0)])
    assert broker.subscribed == [("me", "a b/+/state"), ("me", "x/#")]


async def test_nothing_is_left_behind(make_broker: MakeBroker) -> None:
    before = asyncio.all_tasks()
    broker = await make_broker(tls=True)
    async with connected(broker) as client:
        await client.subscribe("x")
    folder = broker._plan.folder
    assert folder.is_dir()
    await broker.hang()
    await broker.close()
    await asyncio.sleep(0)
    assert not folder.exists()
    assert asyncio.all_tasks() <= before


async def test_a_port_of_somebody_else(make_broker: MakeBroker) -> None:
    with (
        socket.create_server((HOST, 0)) as taken,
        pytest.raises(OSError, match=r"in use|did not start"),
    ):
        await make_broker(port=taken.getsockname()[1])


def test_a_broker_that_is_not_here() -> None:
    with pytest.raises(ScenarioError, match="there is no broker emqx here"):
        Broker(settings=LabSettings(broker="emqx"))


def test_a_broker_of_a_scenario() -> None:
    found = {"name": "emqx", "user": "home", "password": "x", "persistence": False}
    broker = Broker.from_description(found, LabSettings())
    assert (broker.name, broker.user, broker.port) == ("emqx", "home", None)
    with pytest.raises(ScenarioError, match="nobody knows colour"):
        Broker.from_description({**found, "colour": "red"}, LabSettings())


async def test_it_works_where_a_test_holds_the_clock_still(
    make_broker: MakeBroker, freezer: FrozenDateTimeFactory
) -> None:
    broker = await make_broker(user="home", password="x")
    await broker.change_password("y")
    await broker.restart(forget=True)
    await broker.hang()
    await broker.start()
    async with connected(broker):
        await broker.deny("$SYS/#")
