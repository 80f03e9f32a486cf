"""A broker on loopback, and everything that can happen to one.

    async with Broker(user="home", password="secret") as broker:
        client = aiomqtt.Client(HOST, broker.port, username=..., password=...)

Mosquitto serves where it is installed, else what is embedded in the lab.
"""

import asyncio
from collections.abc import Mapping
import contextlib
from dataclasses import replace
from pathlib import Path
import socket
import tempfile
from typing import Any, Self

from aiomqtt.exceptions import MqttConnectError

from lab.equipment import Action
from lab.mqtt import mosquitto
from lab.mqtt.backend import HOST, Backend, Plan, TlsListener, pause
from lab.mqtt.certificates import BrokerTls
from lab.mqtt.client import Client
from lab.mqtt.embedded import Embedded
from lab.reading import ScenarioError, check_keys
from lab.settings import LabSettings

__all__ = ["HOST", "Broker", "backends"]

_KEYS = "name user password persistence tls client_certificate port"
_SYS_INTERVAL = 10.0
_TRIES = 3
_RELOAD_TRIES = 200
_RELOAD_SECONDS = 0.01


def backends() -> tuple[str, ...]:
    """Return the names of the broker programs that are here, the best one first."""
    return ("embedded",) if mosquitto.find() is None else ("mosquitto", "embedded")


def _make_backend(wanted: str | None) -> Backend:
    program = mosquitto.find()
    match wanted:
        case "embedded":
            return Embedded()
        case "mosquitto" | None if program is not None:
            return mosquitto.Mosquitto(program)
        case None:
            return Embedded()
    raise ScenarioError(f"there is no broker {wanted} here; there is {backends()}")


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.create_server((HOST, 0)) as found:
        return int(found.getsockname()[1])


class Broker:
    """An MQTT broker with one user, or open to everybody.

    `settings.broker` chooses the program. `tls` opens a second port, `tls_port`, with
    a certificate of the broker's own authority; `client_certificate` demands one of
    that authority from its clients. The ports stay the same over restarts.
    """

    kind = "broker"

    def __init__(
        self,
        name: str = "broker",
        settings: LabSettings | None = None,
        *,
        user: str | None = None,
        password: str | None = None,
        persistence: bool = True,
        tls: bool = False,
        client_certificate: bool = False,
        port: int = 0,
    ) -> None:
        self.name = name
        self.settings = settings or LabSettings()
        self.tls: BrokerTls | None = None
        self._tls_wanted = tls or client_certificate
        self._client_certificate = client_certificate
        self._backend = _make_backend(self.settings.broker)
        self._wanted_port = port
        self._plan = Plan(
            port=0,
            folder=Path(),
            user=user,
            password=password,
            persistence=persistence,
            sys_interval=self.settings.scaled(_SYS_INTERVAL),
        )
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._deaf: list[asyncio.Server] = []
        self._memory: list[tuple[str, bytes]] = []
        self.actions: Mapping[str, Action] = {
            "start": lambda given: self.start(),
            "stop": lambda given: self.stop(),
            "restart": lambda given: self.restart(),
            "lose_memory": lambda given: self.restart(forget=True),
            "hang": lambda given: self.hang(),
            "change_password": lambda given: self.change_password(
                str(given["password"])
            ),
            "deny_sys": lambda given: self.deny("$SYS/#"),
            "allow_all": lambda given: self.deny(),
        }

    @classmethod
    def from_description(cls, found: Mapping[str, Any], settings: LabSettings) -> Self:
        """Make the broker of a scenario."""
        check_keys(found, _KEYS)
        return cls(
            found["name"],
            settings,
            user=found.get("user"),
            password=found.get("password"),
            persistence=bool(found.get("persistence", True)),
            tls=bool(found.get("tls", False)),
            client_certificate=bool(found.get("client_certificate", False)),
            port=int(found.get("port", 0)),
        )

    # --- what a client needs to know -----------------------------------------------

    @property
    def backend(self) -> str:
        """The program: `mosquitto` or `embedded`."""
        return self._backend.name

    @property
    def port(self) -> int | None:
        """The port without encryption."""
        return self._plan.port or None

    @property
    def tls_port(self) -> int | None:
        """The port with encryption, None without one."""
        return None if self._plan.tls is None else self._plan.tls.port

    @property
    def user(self) -> str | None:
        """The user that is let in, None when everybody is."""
        return self._plan.user

    @property
    def password(self) -> str | None:
        """The password that is right at the moment."""
        return self._plan.password

    @property
    def running(self) -> bool:
        """Whether it serves; a hanging broker does not."""
        return self._backend.running

    @property
    def subscribed(self) -> list[tuple[str, str]]:
        """Client and filter of every subscription since the last start, in turn."""
        return self._backend.subscribed

    def state(self) -> dict[str, Any]:
        """Return what the control page shows."""
        return {
            "name": self.name,
            "kind": self.kind,
            "port": self.port,
            "condition": self._condition(),
            "faults": [f"{topic} denied" for topic in self._plan.denied],
        }

    def _condition(self) -> str:
        if self._deaf:
            return "hanging"
        return "running" if self.running else "stopped"

    # --- what can happen -----------------------------------------------------------

    def remember(self, topic: str, payload: bytes) -> None:
        """Have a retained message there from before the first start."""
        self._memory.append((topic, payload))

    async def start(self) -> None:
        """Serve, also after it hung."""
        if self.running:
            return
        await self._hear_again()
        for attempt in range(_TRIES):
            if not self._plan.port:
                await self._prepare()
            try:
                await self._backend.start(self._plan)
                break
            except OSError:
                # A free port may have been taken before the broker got it.
                if self._wanted_port or attempt + 1 == _TRIES:
                    raise
                self._plan = replace(self._plan, port=0)
        await self._recall()

    async def stop(self) -> None:
        """End; whoever is connected is cut off and then refused by the system."""
        await self._hear_again()
        await self._backend.stop()

    async def restart(self, *, forget: bool = False) -> None:
        """Stop and start; `forget` loses every retained message."""
        await self.stop()
        if forget or not self._plan.persistence:
            self._backend.forget()
        await self.start()

    async def hang(self) -> None:
        """Accept connections and never answer; who was connected is cut off."""
        await self.stop()
        for port in (self.port, self.tls_port):
            if port is not None:
                server = await asyncio.start_server(_ignore, HOST, port)
                self._deaf.append(server)

    async def change_password(self, password: str) -> None:
        """Have another password; clients with the old one are cut off and refused."""
        self._plan = replace(self._plan, password=password)
        await self._reload()

    async def deny(self, *topics: str) -> None:
        """Let nobody read these topics, and every other one again.

        Mosquitto grants the subscription and delivers nothing, what is embedded
        refuses it.
        """
        self._plan = replace(self._plan, denied=topics)
        await self._reload()

    async def _reload(self) -> None:
        """Have the plan taken over, and wait until it is."""
        if not self.running:
            return
        await self._backend.reload(self._plan)
        for _ in range(_RELOAD_TRIES):
            try:
                async with self._client():
                    return
            except MqttConnectError:
                await pause(_RELOAD_SECONDS)

    def _client(self) -> Client:
        return Client(HOST, self.port, username=self.user, password=self.password)

    async def close(self) -> None:
        """Stop and remove the files that were not meant to stay."""
        await self.stop()
        if self._scratch is not None:
            await asyncio.to_thread(self._scratch.cleanup)
            self._scratch = None

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    # --- inside --------------------------------------------------------------------

    async def _prepare(self) -> None:
        folder = self._plan.folder
        if folder == Path():
            folder = await asyncio.to_thread(self._make_folder)
        self._plan = replace(
            self._plan,
            folder=folder,
            port=self._wanted_port or free_port(),
            tls=await self._plan_tls(folder) if self._tls_wanted else None,
        )

    def _make_folder(self) -> Path:
        if self.settings.state_dir is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="lab-mqtt-")
            return Path(self._scratch.name)
        folder = self.settings.state_dir / f"mqtt-{self.name}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def _plan_tls(self, folder: Path) -> TlsListener:
        self.tls = tls = await asyncio.to_thread(BrokerTls, folder / "tls")
        certificate, key = tls.server_files
        return TlsListener(
            port=self._wanted_port + 1 if self._wanted_port else free_port(),
            authority=tls.ca_file,
            certificate=certificate,
            key=key,
            client_required=self._client_certificate,
        )

    async def _recall(self) -> None:
        memory, self._memory = self._memory, []
        if not memory:
            return
        async with self._client() as client:
            for topic, payload in memory:
                await client.publish(topic, payload, qos=1, retain=True)

    async def _hear_again(self) -> None:
        deaf, self._deaf = self._deaf, []
        for server in deaf:
            server.close()
            server.abort_clients()


async def _ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what comes and say nothing."""
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass
    writer.close()
