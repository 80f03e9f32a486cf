"""The simulated Z-Wave JS server as a whole: its ports, faults and actions."""

import asyncio
from collections.abc import Mapping
import contextlib
import ssl
from typing import Any, Self

from lab.equipment import Action
from lab.reading import check_keys, place
from lab.settings import LabSettings
from lab.zwave.clients import GARBAGE, MAX_SCHEMA, Clients, Command, Manners
from lab.zwave.driver import Driver
from lab.zwave.network import InclusionState, Network, Node, NodeStatus
from lab.zwave.port import Port
from lab.zwave.ui import Ui

_KEYS = "name home_id port ui ui_port max_schema noise stick firmware nodes"
_NODE_KEYS = "id name location manufacturer label firmware status listening values"


class ZwaveServer:
    """A Z-Wave JS server with its stick and nodes, and zwave-js-ui around it.

    `network` is what there is, `driver` how it speaks with the stick, `manners` how
    the server treats its clients and `ui` the web side. The times are scaled with the
    settings of the lab.
    """

    kind = "zwave_js"

    def __init__(
        self,
        name: str = "Z-Wave JS",
        *,
        settings: LabSettings | None = None,
        network: Network | None = None,
        port: int = 0,
        ui_port: int = 0,
        with_ui: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._name = name
        self._settings = settings or LabSettings()
        self.network = network or small_network()
        self.manners = Manners()
        self.driver = Driver(self.network, self._settings.scaled, self._emit)
        self.driver.on_ready = self._driver_ready
        self.driver.on_failed = self._driver_failed
        self.clients = Clients(self.network, self.driver, self.manners)
        self.ui = Ui(
            lambda: self.driver.ready,
            lambda: (self.manners.driver_version, self.manners.server_version),
        )
        self._socket = Port(self.clients.serve, port, tls)
        self._web = Port(self.ui.serve, ui_port, tls) if with_ui else None
        self._running = False
        self._ready = asyncio.Event()
        self._work: set[asyncio.Task[None]] = set()

    @classmethod
    def from_description(cls, found: Mapping[str, Any], settings: LabSettings) -> Self:
        """Build it from an entry of a scenario; `ScenarioError` says what is wrong.

        name: how the server is called.
        home_id, noise, stick, firmware: of the stick (noise: dBm per channel; stick:
            the name of the product).
        port, ui_port: 0 or nothing for any that is free; ui: whether zwave-js-ui runs.
        nodes: each with id, and name, location, manufacturer, label, firmware, status
            (alive, dead, asleep, awake), listening and values (how many).
        """
        with place(f"Z-Wave JS server {found.get('name', '?')}"):
            check_keys(found, _KEYS)
            server = cls(
                str(found["name"]),
                settings=settings,
                network=_network(found),
                port=int(found.get("port", 0)),
                ui_port=int(found.get("ui_port", 0)),
                with_ui=bool(found.get("ui", True)),
            )
            server.manners.max_schema = int(found.get("max_schema", MAX_SCHEMA))
            return server

    # --- what every equipment has ----------------------------------------------------

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def port(self) -> int | None:
        """The port of the websocket."""
        return self._socket.number

    @property
    def ui_port(self) -> int | None:
        """The port of zwave-js-ui, None without it."""
        return None if self._web is None else self._web.number

    @property
    def url(self) -> str:
        """The address that clients connect to."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        """The address of the web page."""
        return f"http://127.0.0.1:{self.ui_port}"

    async def start(self) -> None:
        """Start the process: its web side at once, the server with the driver."""
        if self._running:
            return
        self._running = True
        self._ready.clear()
        if self._web is not None:
            await self._web.open()
        self.driver.start()
        if self.driver.linked:
            await self._ready.wait()

    async def stop(self) -> None:
        """End the process; all connections break."""
        if not self._running:
            return
        self._running = False
        await self.driver.stop()
        for task in tuple(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self._socket.close()
        if self._web is not None:
            await self._web.close()

    def state(self) -> dict[str, Any]:
        """Return what the control page shows."""
        return {
            "name": self.name,
            "kind": self.kind,
            "port": self.port,
            "ui_port": self.ui_port,
            "condition": self._condition(),
            "faults": self.faults(),
            "clients": len(self.clients.connected),
            "controller": self.network.status.name.lower(),
            "inclusion": self.network.inclusion.name.lower(),
            "nodes": [
                {
                    "id": node.node_id,
                    "name": node.name,
                    "status": node.status.name.lower(),
                }
                for node in self.network.nodes.values()
            ],
        }

    def faults(self) -> list[str]:
        """Return the names of what is wrong on purpose."""
        found = self.manners.faults()
        if self.driver.muted:
            found.append("stick_hangs")
        if self.driver.jammed:
            found.append("jammed")
        if not self.driver.linked:
            found.append("link_lost")
        if self.ui.hung:
            found.append("ui_hangs")
        return found

    def _condition(self) -> str:
        if not self._running:
            return "stopped"
        return "online" if self._socket.is_open else "driver_failed"

    @property
    def actions(self) -> Mapping[str, Action]:
        """What can be done to it."""
        return {
            "hang_stick": lambda _: self.driver.mute(),
            "release_stick": lambda _: self.driver.unmute(),
            "jam": lambda _: self.driver.jam(),
            "unjam": lambda _: self.driver.unjam(),
            "lose_link": lambda found: self.driver.lose_link(found.get("seconds")),
            "restore_link": lambda _: self.driver.restore_link(),
            "restart": lambda found: self.restart(float(found.get("seconds", 5))),
            "cut_clients": lambda _: self._socket.cut(),
            "freeze": lambda _: self.freeze(),
            "ui_hangs": lambda found: setattr(
                self.ui, "hung", bool(found.get("on", True))
            ),
            "garbage": lambda _: self.garbage(),
            "silent": self._switch("silent"),
            "stalled": self._switch("stalled"),
            "driver_not_ready": self._switch("driver_not_ready"),
            "hangs_up": self._switch("hangs_up"),
            "old_server": lambda found: self.set_schema(
                25 if found.get("on", True) else MAX_SCHEMA
            ),
            "node_dead": lambda found: self.kill_node(_id(found)),
            "node_alive": lambda found: self.revive_node(_id(found)),
            "node_asleep": lambda found: self.set_node(_id(found), NodeStatus.ASLEEP),
            "node_awake": lambda found: self.set_node(_id(found), NodeStatus.AWAKE),
            "node_added": lambda found: self.driver.add_node(
                Node(node_id=_id(found), name=found.get("name"))
            ),
            "node_removed": lambda found: self.driver.remove_node(_id(found)),
            "begin_inclusion": lambda _: self.driver.set_inclusion(
                InclusionState.INCLUDING
            ),
            "stop_inclusion": lambda _: self.driver.set_inclusion(InclusionState.IDLE),
        }

    def _switch(self, name: str) -> Action:
        return lambda found: setattr(self.manners, name, bool(found.get("on", True)))

    # --- what can be done to it ------------------------------------------------------

    @property
    def commands(self) -> list[Command]:
        """Return what clients asked for, the oldest first."""
        return list(self.clients.commands)

    async def restart(self, seconds: float = 5.0) -> None:
        """End the process and start it again so many seconds of real life later."""
        await self.stop()
        await asyncio.sleep(self._settings.scaled(seconds))
        await self.start()

    def cut_clients(self) -> None:
        """Break all connections and accept new ones."""
        self._socket.cut()

    def freeze(self) -> None:
        """Let the host fall silent for those who are connected, without a farewell."""
        self.clients.freeze()

    def garbage(self) -> None:
        """Send all clients frames that make no sense."""
        self.clients.send_raw(GARBAGE)

    def set_schema(self, newest: int) -> None:
        """Be as old, or as new, as a server whose newest schema is this one."""
        self.manners.max_schema = newest

    def set_node(self, node_id: int, status: NodeStatus) -> None:
        """Let a node have another status, and tell of it."""
        self.driver.set_node_status(self.network.nodes[node_id], status)

    def kill_node(self, node_id: int) -> None:
        """Let a node not answer any more, and the driver have noticed it."""
        self.network.nodes[node_id].answers = False
        self.set_node(node_id, NodeStatus.DEAD)

    def revive_node(self, node_id: int) -> None:
        """Let it answer again."""
        self.network.nodes[node_id].answers = True
        self.set_node(node_id, NodeStatus.ALIVE)

    # --- the driver ------------------------------------------------------------------

    def _emit(self, event: Mapping[str, Any]) -> None:
        self.clients.emit(event)

    def _driver_ready(self) -> None:
        self._spawn(self._open())

    def _driver_failed(self) -> None:
        self._spawn(self._socket.close())

    async def _open(self) -> None:
        await self._socket.open()
        self._ready.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        with contextlib.suppress(ConnectionError):
            await self.stop()


def small_network() -> Network:
    """Return a network of a plug, a lamp and a sensor that sleeps."""
    network = Network()
    network.add(Node(node_id=2, name="Plug", location="Kitchen"))
    network.add(Node(node_id=3, name="Lamp"))
    network.add(
        Node(
            node_id=4,
            label="DSB05",
            description="4 in 1 MultiSensor",
            status=NodeStatus.ASLEEP,
            listening=False,
        )
    )
    return network


def _id(found: Mapping[str, Any]) -> int:
    return int(found["node"])


def _network(found: Mapping[str, Any]) -> Network:
    network = Network()
    network.home_id = int(found.get("home_id", network.home_id))
    network.noise = [int(level) for level in found.get("noise", network.noise)]
    network.own.label = found.get("stick", network.own.label)
    network.own.firmware = str(found.get("firmware", network.own.firmware))
    for entry in found.get("nodes", ()):
        with place(f"node {entry.get('id', '?')}"):
            network.add(_node(entry))
    return network


def _node(found: Mapping[str, Any]) -> Node:
    check_keys(found, _NODE_KEYS)
    known = {
        key: found[key]
        for key in ("name", "location", "manufacturer", "label", "listening", "values")
        if key in found
    }
    status = NodeStatus[str(found.get("status", "alive")).upper()]
    return Node(
        node_id=int(found["id"]),
        status=status,
        answers=status is not NodeStatus.DEAD,
        firmware=str(found.get("firmware", "2.1")),
        **known,
    )
