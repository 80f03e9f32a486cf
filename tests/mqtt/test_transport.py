"""One connection to a broker, or to what is none, through real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import gc
from pathlib import Path
import ssl

import pytest

from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    CannotConnectError,
    CertificateError,
    HomelabError,
    ProtocolError,
    RequestTimeoutError,
)
from custom_components.proxmox_homelab.mqtt import transport
from custom_components.proxmox_homelab.mqtt.client import (
    BrokerClient,
    check_address,
    open_connection,
)
from custom_components.proxmox_homelab.mqtt.transport import Address, Connection
from custom_components.proxmox_homelab.mqtt.trust import PemError, build_context
from lab.mqtt import HOST, Broker
from lab.mqtt.certificates import BrokerTls

type Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.abort_clients()


async def say_nothing(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read()
    writer.close()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.close()


async def welcome_and_say_nothing(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read(10)
    writer.write(b"\x20\x02\x00\x00")
    await reader.read()
    writer.close()


async def speak_http(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read(10)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


def address(port: int, **more: object) -> Address:
    return Address(host=HOST, port=port, timeout=0.3, **more)  # type: ignore[arg-type]


def client_pems(tls: BrokerTls) -> tuple[str, str]:
    certificate, key = tls.client_files
    return certificate.read_text(), key.read_text()


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """These tests need no Home Assistant."""


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (say_nothing, RequestTimeoutError),
        (hang_up, ProtocolError),
        (speak_http, ProtocolError),
    ],
)
async def test_what_is_no_broker(handler: Handler, error: type[HomelabError]) -> None:
    async with serving(handler) as port:
        with pytest.raises(error):
            await check_address(address(port))


async def test_nothing_listens() -> None:
    async with serving(hang_up) as port:
        pass
    with pytest.raises(CannotConnectError):
        await check_address(address(port))


async def test_a_password_is_right_or_wrong() -> None:
    async with Broker(user="home", password="right") as broker:
        assert broker.port
        await check_address(address(broker.port, username="home", password="right"))
        for login in ({"username": "home", "password": "wrong"}, {}):
            with pytest.raises(AuthenticationError):
                await check_address(address(broker.port, **login))


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a word after a second."""
    monkeypatch.setattr(transport, "KEEPALIVE", 1)
    monkeypatch.setattr(transport, "KEEPALIVE_CHECK", 0.2)


@pytest.mark.usefixtures("_impatient")
async def test_a_quiet_connection_stays() -> None:
    async with Broker() as broker:
        assert broker.port
        connection = await open_connection(address(broker.port))
        # A broker ends a connection after one and a half times what it was told.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aiter(connection.messages)), 1.8)
        await connection.subscribe("still/there")
        await connection.close()


@pytest.mark.usefixtures("_impatient")
async def test_a_broker_that_fell_silent_is_noticed() -> None:
    async with serving(welcome_and_say_nothing) as port:
        connection = await open_connection(address(port))
        with pytest.raises(CannotConnectError):
            async with asyncio.timeout(5), transport.translated():
                await anext(aiter(connection.messages))
        await connection.close()


def test_a_password_is_not_shown() -> None:
    assert "geheim" not in repr(address(1883, username="home", password="geheim"))
    assert str(Address(host="fd00::1", port=1883)) == "[fd00::1]:1883"


# --- encryption -----------------------------------------------------------------------


async def test_a_certificate_of_an_authority_that_is_given() -> None:
    async with Broker(tls=True) as broker:
        assert broker.tls
        assert broker.tls_port
        trusted = build_context(ca_pem=broker.tls.ca_pem)
        await check_address(address(broker.tls_port, tls=trusted))
        with pytest.raises(CertificateError):
            await check_address(address(broker.tls_port, tls=build_context()))


async def test_encryption_on_one_side_only() -> None:
    async with Broker(tls=True) as broker:
        assert broker.port
        assert broker.tls_port
        for port, tls in ((broker.port, build_context()), (broker.tls_port, None)):
            with pytest.raises(
                (ProtocolError, CannotConnectError, RequestTimeoutError)
            ):
                await check_address(address(port, tls=tls))


async def test_a_certificate_of_the_client() -> None:
    async with Broker(client_certificate=True) as broker:
        assert broker.tls
        assert broker.tls_port
        certificate, key = client_pems(broker.tls)
        known = build_context(
            ca_pem=broker.tls.ca_pem, client_pem=certificate, client_key_pem=key
        )
        await check_address(address(broker.tls_port, tls=known))
        unknown = build_context(ca_pem=broker.tls.ca_pem)
        with pytest.raises(HomelabError):
            await check_address(address(broker.tls_port, tls=unknown))


def test_texts_that_are_no_certificates(tmp_path: Path) -> None:
    tls = BrokerTls(tmp_path / "tls")
    certificate, _ = client_pems(tls)
    _, other_key = client_pems(BrokerTls(tmp_path / "other"))
    with pytest.raises(PemError, match="ca"):
        build_context(ca_pem="no certificate")
    with pytest.raises(PemError, match="client"):
        build_context(client_pem=certificate, client_key_pem="no key")
    with pytest.raises(PemError, match="client"):
        build_context(client_pem=certificate, client_key_pem=other_key)
    with pytest.raises(PemError, match="client"):
        build_context(client_pem=certificate)


def test_the_name_in_a_certificate_may_be_ignored_and_its_issuer_not() -> None:
    context = build_context(verify_hostname=False)
    assert context.check_hostname is False
    assert context.verify_mode is ssl.CERT_REQUIRED


# --- nothing is left ------------------------------------------------------------------


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts in /proc")
async def test_a_thousand_attempts_that_fail_leave_nothing_behind() -> None:
    async with (
        serving(say_nothing) as silent,
        serving(hang_up) as rude,
        serving(hang_up) as gone,
    ):
        ports = (silent, rude, gone)
        loop = asyncio.get_running_loop()
        with pytest.raises(HomelabError):
            await check_address(address(rude))
        before, tasks = open_files(), len(asyncio.all_tasks())
        for number in range(1000):
            attempt = Address(host=HOST, port=ports[number % 3], timeout=0.002)
            with pytest.raises(HomelabError):
                await check_address(attempt)
        # The other side needs a moment to notice.
        for _ in range(50):
            await asyncio.sleep(0.02)
            gc.collect()
            if open_files() <= before + 2:
                break
        assert open_files() <= before + 2
        assert len(asyncio.all_tasks()) <= tasks + 2
        assert loop.is_running()


async def test_a_cancelled_attempt_ends_by_itself_and_soon() -> None:
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    async with serving(say_nothing) as port:
        for delay in (0, 0.001, 0.005, 0.05):
            patient = Address(host=HOST, port=port, timeout=30)
            attempt = asyncio.create_task(open_connection(patient))
            await asyncio.sleep(delay)
            attempt.cancel()
            done, _ = await asyncio.wait([attempt], timeout=2)
            assert done
            assert attempt.cancelled()
        await asyncio.sleep(0.05)
        gc.collect()
    assert failures == []


async def test_a_connection_that_ends_while_something_is_sent_ends_quietly() -> None:
    failures: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    async with Broker() as broker:
        assert broker.port
        connection = Connection(address(broker.port))
        await connection.open()
        sent = asyncio.create_task(connection.publish("a", b"b"))
        await asyncio.sleep(0)
        # Before the loop has come to write it.
        connection._drop()
        sent.cancel()
        await asyncio.wait([sent])
        await asyncio.sleep(0.05)
        await connection.close()
    assert failures == []


async def test_a_client_that_is_stopped_leaves_nothing_behind() -> None:
    async with Broker() as broker:
        assert broker.port
        told: list[object] = []
        client = BrokerClient(
            address(broker.port), on_message=lambda *_: None, on_connection=told.append
        )
        running = asyncio.create_task(client.run())
        await until(lambda: bool(told))
        assert client.is_connected
        running.cancel()
        await asyncio.wait([running])
        assert not client.is_connected
        await asyncio.sleep(0.05)
        # A broker in this loop has tasks of its own.
        ours = ("aiomqtt", "proxmox_homelab")
        left = [repr(task) for task in asyncio.all_tasks()]
        assert [task for task in left if any(name in task for name in ours)] == []


# --- how it comes back ----------------------------------------------------------------


async def test_it_comes_back_after_the_broker_and_subscribes_again() -> None:
    async with Broker() as broker:
        assert broker.port
        told: list[HomelabError | None] = []
        heard: list[tuple[str, bytes]] = []
        client = BrokerClient(
            address(broker.port),
            on_message=lambda topic, payload: heard.append((topic, payload)),
            on_connection=told.append,
        )
        client.subscribe(["a/b"])
        running = asyncio.create_task(client.run())
        await until(lambda: told == [None])
        await broker.stop()
        await until(lambda: told[-1] is not None)
        broker.remember("a/b", b"again")
        await broker.start()
        await until(lambda: ("a/b", b"again") in heard)
        assert told[-1] is None
        running.cancel()
        await asyncio.wait([running])


async def test_topics_come_and_go_while_it_is_connected() -> None:
    async with Broker() as broker:
        assert broker.port
        told: list[object] = []
        heard: list[tuple[str, bytes]] = []
        client = BrokerClient(
            address(broker.port),
            on_message=lambda topic, payload: heard.append((topic, payload)),
            on_connection=told.append,
        )
        running = asyncio.create_task(client.run())
        await until(lambda: bool(told))
        client.subscribe([f"many/{number}" for number in range(120)])
        await until(lambda: len(broker.subscribed) >= 120)
        client.unsubscribe(["many/0"])
        await asyncio.sleep(0.05)
        other = await open_connection(address(broker.port))
        for topic in ("many/0", "many/119"):
            await other.publish(topic, b"x", qos=1)
        await until(lambda: ("many/119", b"x") in heard)
        assert ("many/0", b"x") not in heard
        await other.close()
        running.cancel()
        await asyncio.wait([running])


async def until(is_so: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - the broker sets no events of ours
            await asyncio.sleep(0.01)
