"""The client against a gateway of the lab, with everything that can be wrong there."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import ClientSession
import pytest

from custom_components.proxmox_homelab.deconz import client as client_module
from custom_components.proxmox_homelab.deconz.client import DeconzClient
from custom_components.proxmox_homelab.deconz.models import Change, Collection, Network
from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    CannotConnectError,
    CommandRefusedError,
    HomelabError,
    NotFoundError,
    ProtocolError,
    RequestTimeoutError,
)
from lab.deconz import Answer, DeconzGateway

from .common import BRIDGE, KEY, Clock

type Call = Callable[[DeconzClient], Awaitable[object]]

CALLS: list[Call] = [
    lambda client: client.public_config(),
    lambda client: client.config(),
    lambda client: client.parts(),
    lambda client: client.permit_join(60),
    lambda client: client.request_key("app"),
]


@pytest.fixture
def client(session: ClientSession, gateway: DeconzGateway) -> DeconzClient:
    return client_of(session, gateway)


def client_of(
    session: ClientSession, gateway: DeconzGateway, key: str = KEY
) -> DeconzClient:
    assert gateway.port is not None
    return DeconzClient(
        session,
        host=gateway.host,
        port=gateway.port,
        key=key,
        seconds=0.2,
        heartbeat=0.1,
    )


async def test_a_gateway_says_who_it_is(client: DeconzClient) -> None:
    found = await client.public_config()
    assert found is not None
    assert found.bridge_id == BRIDGE


async def test_an_old_gateway_does_not_say_who_it_is(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    gateway.faults.tells_strangers = False
    assert await client.public_config() is None


async def test_a_locked_gateway_gives_no_key(client: DeconzClient) -> None:
    assert await client.request_key("app") is None


async def test_an_unlocked_gateway_gives_a_key_that_is_accepted(
    session: ClientSession, client: DeconzClient, gateway: DeconzGateway
) -> None:
    gateway.gateway.unlock()
    key = await client.request_key("app")
    assert key is not None
    assert (await client_of(session, gateway, key).config()).bridge_id == BRIDGE


async def test_the_configuration_and_the_devices_are_read(
    client: DeconzClient,
) -> None:
    assert (await client.config()).permit_join_seconds == 0
    names = [device.name for device in Network.of(await client.parts()).devices]
    assert names == ["Lamp", "Motion", "Plug", "Switch"]


async def test_the_network_is_opened_and_closed(
    client: DeconzClient, clock: Clock
) -> None:
    await client.permit_join(60)
    clock.now += 10
    assert (await client.config()).permit_join_seconds == 50
    await client.permit_join(0)
    clock.now += 1
    assert (await client.config()).permit_join_seconds == 0


@pytest.mark.parametrize("strangers", [True, False])
@pytest.mark.parametrize("call", CALLS[1:4])
async def test_a_deleted_key_is_refused(
    client: DeconzClient, gateway: DeconzGateway, call: Call, *, strangers: bool
) -> None:
    gateway.gateway.keys.clear()
    gateway.faults.tells_strangers = strangers
    with pytest.raises(AuthenticationError):
        await call(client)


@pytest.mark.parametrize("key", ["", "wrong", "../config", "a/b", "x?y#z", "ü"])
async def test_no_key_leads_astray(
    session: ClientSession, gateway: DeconzGateway, key: str
) -> None:
    with pytest.raises(HomelabError):
        await client_of(session, gateway, key).parts()


@pytest.mark.parametrize("call", CALLS)
async def test_a_stopped_gateway_cannot_be_reached(
    client: DeconzClient, gateway: DeconzGateway, call: Call
) -> None:
    await gateway.stop()
    with pytest.raises(CannotConnectError):
        await call(client)


@pytest.mark.parametrize("call", CALLS)
async def test_a_hanging_gateway_is_given_up_on(
    client: DeconzClient, gateway: DeconzGateway, call: Call
) -> None:
    gateway.set_hanging(hanging=True)
    with pytest.raises(RequestTimeoutError):
        await call(client)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer.HTML, ProtocolError),
        (Answer.TRUNCATED, ProtocolError),
        (Answer.EMPTY, ProtocolError),
        (Answer.GARBAGE, ProtocolError),
        (Answer.BUSY, CommandRefusedError),
        (Answer.INTERNAL, CommandRefusedError),
    ],
)
async def test_wrong_answers_are_told_apart(
    client: DeconzClient,
    gateway: DeconzGateway,
    call: Call,
    answer: Answer,
    error: type[HomelabError],
) -> None:
    gateway.gateway.unlock()
    gateway.faults.answer = answer
    with pytest.raises(error):
        await call(client)


@pytest.mark.parametrize("call", [*CALLS[:3], CALLS[4]])
async def test_a_list_of_nonsense_is_no_answer(
    client: DeconzClient, gateway: DeconzGateway, call: Call
) -> None:
    gateway.faults.answer = Answer.LIST
    with pytest.raises(ProtocolError):
        await call(client)


async def test_an_endless_answer_is_cut_off(
    client: DeconzClient, gateway: DeconzGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_LARGEST_ANSWER", 200_000)
    gateway.faults.answer = Answer.ENDLESS
    with pytest.raises(ProtocolError):
        await client.config()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n", ProtocolError),
        (b"HTTP/1.1 502 Bad Gateway\r\n", CannotConnectError),
        (b"HTTP/1.1 503 Busy\r\n", CommandRefusedError),
        (b"HTTP/1.1 401 No\r\n", ProtocolError),
        (b"SSH-2.0-OpenSSH\r\n", ProtocolError),
        (b"", CannotConnectError),
    ],
)
async def test_whatever_else_listens_there_is_told_apart(
    session: ClientSession, reply: bytes, error: type[HomelabError]
) -> None:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply + b"Content-Length: 0\r\n\r\n" if reply else b"")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    async with server:
        client = DeconzClient(
            session, host="127.0.0.1", port=port, key=KEY, seconds=0.5
        )
        with pytest.raises(error) as raised:
            await client.config()
    assert KEY not in f"{raised.value!r} {raised.value.placeholders}"
    assert raised.value.__cause__ is None or KEY not in repr(raised.value.__cause__)


@pytest.mark.parametrize(
    ("number", "error"),
    [(3, NotFoundError), (4, NotFoundError), (7, CommandRefusedError)],
)
async def test_numbers_of_errors_are_told_apart(
    number: int, error: type[HomelabError]
) -> None:
    answer = b'[{"error":{"type":%d,"description":"no"}}]' % number
    with pytest.raises(error):
        client_module._read_answer(400, answer)


async def test_a_refusal_without_an_error_is_a_refusal() -> None:
    with pytest.raises(CommandRefusedError):
        client_module._read_answer(418, b"{}")


async def test_events_arrive(client: DeconzClient, gateway: DeconzGateway) -> None:
    stream = await client.listen(gateway.gateway.websocket_port)
    await gateway.push("not JSON")
    await gateway.push({"t": "event", "e": "changed", "r": "groups", "id": "1"})
    await gateway.set_reachable("Lamp", reachable=False)
    event = await stream.next()
    assert (event.change, event.key[0]) == (Change.CHANGED, Collection.LIGHTS)
    assert event.reachable is False
    await stream.close()


async def test_a_quiet_websocket_that_answers_pings_stays(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    stream = await client.listen(gateway.gateway.websocket_port)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await stream.next()
    await stream.close()


async def test_a_gateway_that_asks_whether_anybody_is_there_gets_an_answer(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    stream = await client.listen(gateway.gateway.websocket_port)
    await gateway.ping()
    await gateway.set_reachable("Lamp", reachable=False)
    await stream.next()
    await gateway.set_reachable("Lamp", reachable=True)
    await stream.next()
    await stream.close()
    assert gateway.pongs == 1


async def test_a_silent_websocket_is_lost(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    stream = await client.listen(gateway.gateway.websocket_port)
    gateway.set_speaking(speaking=False)
    with pytest.raises(CannotConnectError):
        await stream.next()
    await stream.close()


async def test_a_closed_websocket_is_lost(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    stream = await client.listen(gateway.gateway.websocket_port)
    await gateway.close_websocket()
    with pytest.raises(CannotConnectError):
        await stream.next()
    await stream.close()


async def test_a_huge_message_ends_the_stream(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    stream = await client.listen(gateway.gateway.websocket_port)
    await gateway.push("x" * 300_000)
    with pytest.raises(CannotConnectError):
        await stream.next()
    await stream.close()


async def test_a_refused_websocket_cannot_be_reached(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    await gateway.close_websocket()
    with pytest.raises(CannotConnectError):
        await client.listen(gateway.gateway.websocket_port)


async def test_a_websocket_that_never_opens_is_given_up_on(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    gateway.set_hanging(hanging=True)
    with pytest.raises(RequestTimeoutError):
        await client.listen(gateway.gateway.websocket_port)


async def test_a_port_without_a_websocket_is_told_apart(
    client: DeconzClient, gateway: DeconzGateway
) -> None:
    assert gateway.port is not None
    with pytest.raises(ProtocolError):
        await client.listen(gateway.port)
