"""The client against a server that speaks the real protocol over real sockets."""

import asyncio
from collections.abc import Callable
import json
from typing import Any

import aiohttp
import pytest

from custom_components.proxmox_homelab.errors import (
    CannotConnectError,
    CertificateError,
    CommandRefusedError,
    CommandTimeoutError,
    HomelabError,
    NotFoundError,
    ProtocolError,
    RequestTimeoutError,
    UnsupportedVersionError,
)
from custom_components.proxmox_homelab.zwave_js import protocol
from custom_components.proxmox_homelab.zwave_js.client import (
    Connection,
    UiClient,
    connection as connections,
    ui as user_interface,
)
from custom_components.proxmox_homelab.zwave_js.errors import DriverNotReadyError
from custom_components.proxmox_homelab.zwave_js.models import (
    ControllerStatus,
    InclusionState,
    Network,
    NodeStatus,
)
from lab import LabSettings
from lab.pve.tls import ClusterTls
from lab.zwave import Network as SimulatedNetwork, Node, ZwaveServer, driver

from ..lab.conftest import until


class Watch:
    """Keeps what a connection tells, and waits for what should come."""

    def __init__(self) -> None:
        self.seen: list[Network] = []
        self._news = asyncio.Event()

    def __call__(self, before: Network, after: Network) -> None:
        assert before != after
        self.seen.append(after)
        self._news.set()

    async def until(self, there: Callable[[Network], object]) -> Network:
        async with asyncio.timeout(5):
            while not (self.seen and there(self.seen[-1])):
                self._news.clear()
                await self._news.wait()
        return self.seen[-1]


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def listen(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> Connection:
    """Connect and listen."""
    connection = await Connection.open(session, server.url, watch)
    await connection.listen()
    return connection


# --- connecting --------------------------------------------------------------------


async def test_a_connection_tells_the_version_and_the_state(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    connection = await Connection.open(session, server.url)
    assert connection.version.home_id == server.network.home_id
    assert connection.schema == 44
    network = await connection.listen()
    assert sorted(network.nodes) == [1, 2, 3, 4]
    assert [command.name for command in server.commands] == [
        "initialize",
        "start_listening",
    ]
    await connection.close()


async def test_an_older_server_is_spoken_to_in_its_own_schema(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    server.set_schema(33)
    connection = await Connection.open(session, server.url)
    assert connection.schema == 33
    assert server.commands[0].arguments["schemaVersion"] == 33
    await connection.close()


async def test_others_get_the_loop_between_messages_that_come_together(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    turns, turns_of_changes = 0, []

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    def note(before: Network, after: Network) -> None:
        turns_of_changes.append(turns)

    connection = await Connection.open(session, server.url, note)
    await connection.listen()
    counting = asyncio.create_task(count_turns())
    for _ in range(10):
        server.kill_node(2)
        server.revive_node(2)
    await until(lambda: len(turns_of_changes) == 20)
    counting.cancel()
    assert len(set(turns_of_changes)) == 20
    await connection.close()


async def test_several_clients_do_not_disturb_each_other(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    one = await listen(session, server, watch)
    other = await listen(session, server, Watch())
    await other.close()
    server.kill_node(3)
    await watch.until(lambda network: network.nodes[3].status is NodeStatus.DEAD)
    await one.close()


async def refused(session: aiohttp.ClientSession, url: str) -> HomelabError:
    """Return the error of a try to connect."""
    with pytest.raises(HomelabError) as found:
        await Connection.open(session, url)
    return found.value


async def test_nobody_there(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    url = server.url
    await server.stop()
    found = await refused(session, url)
    assert type(found) is CannotConnectError
    assert "127.0.0.1" not in str(found)


async def test_too_old_a_server(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    server.set_schema(25)
    assert type(await refused(session, server.url)) is UnsupportedVersionError
    assert server.commands == []


async def test_a_driver_that_is_not_ready(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    server.manners.driver_not_ready = True
    assert type(await refused(session, server.url)) is DriverNotReadyError


async def test_a_web_server_without_websocket(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    server.manners.html = True
    assert type(await refused(session, server.url)) is ProtocolError


@pytest.mark.parametrize(
    "greeting",
    ['{"type":"auth_required","ha_version":"2026.11.0"}', "hello", "[]", b"\x05"],
)
async def test_another_service_on_a_websocket(
    session: aiohttp.ClientSession, server: ZwaveServer, greeting: str | bytes
) -> None:
    server.manners.greeting = greeting
    assert type(await refused(session, server.url)) is ProtocolError


async def test_a_server_that_hangs_up(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    server.manners.hangs_up = True
    assert type(await refused(session, server.url)) is CannotConnectError


async def test_a_server_that_says_nothing(
    session: aiohttp.ClientSession,
    server: ZwaveServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.1)
    server.manners.silent = True
    assert type(await refused(session, server.url)) is RequestTimeoutError


async def test_a_server_that_answers_no_command(
    session: aiohttp.ClientSession,
    server: ZwaveServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "COMMAND_SECONDS", 0.1)
    server.manners.stalled = True
    assert type(await refused(session, server.url)) is CommandTimeoutError


async def test_a_certificate_that_nobody_vouches_for(
    session: aiohttp.ClientSession,
) -> None:
    tls = await asyncio.to_thread(ClusterTls, {"zwave": "127.0.0.1"})
    try:
        async with ZwaveServer(tls=tls.context("zwave")) as server:
            secure = server.url.replace("ws://", "wss://")
            assert type(await refused(session, secure)) is CertificateError
    finally:
        tls.close()


# --- listening ---------------------------------------------------------------------


async def test_every_change_is_told(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    connection = await listen(session, server, watch)
    server.driver.add_node(Node(node_id=9, name="New"))
    await watch.until(lambda network: network.nodes.get(9) is not None)
    server.driver.remove_node(2)
    await watch.until(lambda network: 2 not in network.nodes)
    server.driver.jam()
    network = await watch.until(
        lambda network: network.controller.status is ControllerStatus.JAMMED
    )
    assert network.nodes[9].product == "ZW096"
    await connection.close()


async def test_an_inclusion_that_somebody_else_began(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    connection = await listen(session, server, watch)
    other = await Connection.open(session, server.url)
    await other.call("controller.begin_inclusion", options={"strategy": 2})
    await watch.until(
        lambda network: network.controller.inclusion is InclusionState.INCLUDING
    )
    await other.call("controller.stop_inclusion")
    await watch.until(
        lambda network: network.controller.inclusion is InclusionState.IDLE
    )
    await other.close()
    await connection.close()


async def test_garbage_is_passed_over(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    connection = await listen(session, server, watch)
    server.garbage()
    server.kill_node(3)
    await watch.until(lambda network: network.nodes[3].status is NodeStatus.DEAD)
    await connection.refresh_controller()
    await connection.close()


async def test_a_large_state_is_read_and_its_values_are_not_kept(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def decode_large(text: str) -> dict[str, Any]:
        read.append(len(text))
        return protocol.decode_large(text)

    monkeypatch.setattr(connections, "decode_large", decode_large)
    network = SimulatedNetwork()
    for number in range(2, 102):
        network.add(Node(node_id=number, values=30))
    async with ZwaveServer(network=network) as server:
        connection = await Connection.open(session, server.url)
        assert len((await connection.listen()).nodes) == 101
        await connection.close()
    assert len(read) == 1
    assert read[0] > 1_000_000


async def test_a_message_beyond_all_bounds_ends_the_connection(
    session: aiohttp.ClientSession,
    server: ZwaveServer,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "LARGEST_MESSAGE", 20_000)
    connection = await listen(session, server, watch)
    server.clients.send_raw(("x" * 30_000,))
    assert type(await connection.wait_lost()) is ProtocolError
    await connection.close()


# --- asking ------------------------------------------------------------------------


async def test_a_hung_stick_is_found_by_asking_it(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    connection = await listen(session, server, watch)
    assert await connection.probe()
    server.driver.mute()
    with pytest.raises(CommandTimeoutError):
        await connection.probe()
    assert any(
        network.controller.status is ControllerStatus.UNRESPONSIVE
        for network in watch.seen
    )
    # The driver calls it ready again, and it is not.
    await watch.until(
        lambda network: network.controller.status is ControllerStatus.READY
    )
    server.driver.unmute()
    assert await connection.probe()
    await connection.close()


async def test_a_stick_that_measures_no_noise_is_asked_something_else(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    server.network.noise = []
    connection = await listen(session, server, watch)
    assert await connection.probe()
    assert server.commands[-1].name == "controller.is_failed_node"
    with pytest.raises(NotFoundError):
        await connection.call("controller.get_background_rssi")
    await connection.close()


async def test_a_stick_that_tells_nothing_of_itself_is_not_asked(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    connection = await Connection.open(session, server.url)
    assert not await connection.probe()
    assert [command.name for command in server.commands] == ["initialize"]
    await connection.close()


async def test_a_soft_reset(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    connection = await Connection.open(session, server.url)
    await connection.soft_reset()
    assert server.commands[-1].name == "driver.soft_reset"
    await connection.close()


async def test_what_the_server_does_not_know(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    connection = await Connection.open(session, server.url)
    with pytest.raises(NotFoundError):
        await connection.call("node.get_state", nodeId=77)
    with pytest.raises(NotFoundError):
        await connection.call("driver.dance")
    await connection.close()


async def test_no_answer_in_time(
    session: aiohttp.ClientSession,
    server: ZwaveServer,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = await listen(session, server, watch)
    monkeypatch.setattr(connections, "COMMAND_SECONDS", 0.05)
    server.manners.stalled = True
    with pytest.raises(CommandTimeoutError):
        await connection.call("controller.get_state")
    server.manners.stalled = False
    monkeypatch.undo()
    await connection.refresh_controller()
    await connection.close()


# --- the end -----------------------------------------------------------------------


async def test_a_server_that_goes_away_is_noticed_at_once(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    connection = await listen(session, server, watch)
    server.manners.stalled = True
    asking = asyncio.create_task(connection.call("controller.get_state"))
    await asyncio.sleep(0.05)
    await server.stop()
    assert type(await connection.wait_lost()) is CannotConnectError
    with pytest.raises(CannotConnectError):
        await asking
    with pytest.raises(CannotConnectError):
        await connection.call("controller.get_state")
    await connection.close()


async def test_a_driver_that_loses_its_stick_may_say_so(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    connection = await listen(session, server, watch)
    (client,) = server.clients.connected
    await client.socket.close(code=1013, message=b"Driver is not ready")
    assert type(await connection.wait_lost()) is DriverNotReadyError
    await connection.close()


async def test_hanging_up_leaves_nothing_behind(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    before = asyncio.all_tasks()
    for _ in range(5):
        connection = await listen(session, server, watch)
        await connection.close()
    await until(lambda: not server.clients.connected and asyncio.all_tasks() == before)


async def test_a_link_lost_for_a_moment_is_not_seen(
    session: aiohttp.ClientSession, watch: Watch
) -> None:
    settings = LabSettings(task_seconds=0.1)
    async with ZwaveServer(settings=settings) as server:
        connection = await listen(session, server, watch)
        server.driver.lose_link(8)
        assert await connection.probe()
        await connection.close()


async def test_a_link_lost_for_longer_is_the_end_of_the_connection(
    session: aiohttp.ClientSession, server: ZwaveServer, watch: Watch
) -> None:
    connection = await listen(session, server, watch)
    server.driver.lose_link(20)
    assert type(await connection.wait_lost()) is CannotConnectError
    await connection.close()
    async with asyncio.timeout(5):
        while True:
            try:
                connection = await listen(session, server, watch)
                break
            except CannotConnectError:
                await asyncio.sleep(0.01)
    await connection.close()


async def test_a_silent_host_is_noticed_and_a_quiet_one_is_not(
    session: aiohttp.ClientSession,
    server: ZwaveServer,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(driver, "STATISTICS_EVERY", 3600)
    connection = await listen(session, server, watch)
    await asyncio.sleep(0.3)
    await server.clients.ping()
    await connection.refresh_controller()
    server.freeze()
    assert type(await connection.wait_lost()) is RequestTimeoutError
    await connection.close()


# --- zwave-js-ui -------------------------------------------------------------------


async def test_the_health_and_the_version_of_the_user_interface(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    client = UiClient(session, server.ui_url)
    assert (await client.version()).ui == "11.22.2.cd01655"
    assert await client.is_healthy()
    # Whatever also accepts HTML gets the page instead, and status 200.
    assert server.ui.accepts == ["application/json", "text/plain"]
    server.driver.lose_link()
    await until(lambda: not server.driver.ready)
    assert not await client.is_healthy()


async def test_another_web_server_is_no_user_interface(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    client = UiClient(session, server.url.replace("ws://", "http://"))
    with pytest.raises(ProtocolError):
        await client.version()
    with pytest.raises(ProtocolError):
        await client.is_healthy()
    with pytest.raises(ProtocolError):
        await UiClient(session, f"{server.ui_url}/elsewhere").version()


async def test_an_answer_beyond_all_bounds(
    session: aiohttp.ClientSession,
    server: ZwaveServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(user_interface, "_LARGEST_ANSWER", 10)
    with pytest.raises(ProtocolError):
        await UiClient(session, server.ui_url).version()


async def test_no_user_interface_there(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    client = UiClient(session, server.ui_url)
    await server.stop()
    with pytest.raises(CannotConnectError):
        await client.is_healthy()


async def test_what_the_server_refuses_is_told(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    connection = await Connection.open(session, server.url)
    server.manners.stalled = True
    asking = asyncio.create_task(connection.call("controller.begin_exclusion"))
    await asyncio.sleep(0.05)
    number = server.commands[-1].arguments["messageId"]
    answer = {"type": "result", "success": False, "messageId": number}
    error = {"errorCode": "zwave_error", "zwaveErrorMessage": "not now"}
    server.clients.send_raw((json.dumps(answer | error),))
    with pytest.raises(CommandRefusedError) as found:
        await asking
    assert found.value.placeholders == {"reason": "not now"}
    await connection.close()
