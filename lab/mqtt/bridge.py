"""A bridge that behaves like Zigbee2MQTT 2.14.1 on a simulated stick.

    async with Broker() as broker, Bridge(broker) as bridge: ...

Faults are set at any time: `bridge.stick.hung`, `bridge.silent`, `await
bridge.unplug_stick()`, `await bridge.crash()`. What takes seconds there is scaled by
the settings; only the time of `permit_join` is as long as it was asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import time
from typing import Any, Self

import aiomqtt

from lab.equipment import Action
from lab.mqtt import payloads, requests
from lab.mqtt.broker import HOST, Broker
from lab.mqtt.process import SUPERVISORS, End, Process
from lab.mqtt.radio import Radio
from lab.mqtt.zigbee import (
    ADAPTERS,
    MODELS,
    Device,
    Network,
    Stick,
    make_many,
    make_network,
)
from lab.reading import ScenarioError, check_keys
from lab.settings import LabSettings

VERSION = "2.14.1"
LEGACY_VERSION = "1.42.0"
SMALL_HOME: Mapping[str, str] = {
    "kitchen/plug": "plug",
    "hall/bulb": "bulb",
    "bath/thermostat": "thermostat",
    "hall/motion": "motion",
    "garden door": "contact",
}

_KEYS = (
    "name broker base devices adapter serial channel pan_id legacy supervisor"
    " health_minutes server stick ran_before"
)
_START_SECONDS = 1.3
_NO_STICK_SECONDS = 20.0
_RESTART_SECONDS = 0.5
_LEVELS = dict(zip(requests.LOG_LEVELS, range(4), strict=True))
# What Zigbee2MQTT publishes without a line in its log.
_SECRETIVE = ("bridge/info", "bridge/devices", "bridge/groups", "bridge/definitions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a bridge is installed.

    `devices` are names and kinds (a key of `MODELS`), or how many to make up.
    `supervisor` starts it again after it gave up: `systemd` every 10 s, `watchdog` as
    Z2M_WATCHDOG does, `none`. `legacy` speaks as version 1 did: the state as plain
    text, no health. `ran_before` has the broker retain what an earlier life left.
    """

    devices: Mapping[str, str] | int = field(default_factory=lambda: SMALL_HOME)
    adapter: str = "zstack"
    serial: str = "/dev/ttyUSB0"
    channel: int = 15
    pan_id: int = 6754
    legacy: bool = False
    supervisor: str = "systemd"
    health_minutes: float = 10.0
    server: str | None = None
    ran_before: bool = False

    def make_network(self) -> Network:
        """Make its stick and its devices."""
        return make_network(
            make_many(self.devices) if isinstance(self.devices, int) else self.devices,
            adapter=self.adapter,
            port=self.serial,
            channel=self.channel,
            pan_id=self.pan_id,
        )


class Bridge:
    """A Zigbee2MQTT instance with the base topic `base`; `options` are its `Setup`."""

    kind = "zigbee2mqtt"
    port = None

    def __init__(
        self,
        broker: Broker,
        base: str = "zigbee2mqtt",
        *,
        name: str | None = None,
        settings: LabSettings | None = None,
        **options: Any,
    ) -> None:
        self.name = name or base
        self.base = base
        self.setup = Setup(**options)
        self.settings = settings or broker.settings
        self.network: Network = self.setup.make_network()
        self._broker = broker
        self.configuration = payloads.configuration(
            base, self.stick, self.setup.adapter
        )
        self._find_server()
        self.restart_required = False
        self.join_end: float | None = None
        self.published = self.received = 0
        self._join_timer: asyncio.TimerHandle | None = None
        self._born = self._counting_since = time.monotonic()
        self.radio = Radio(self)
        will = aiomqtt.Will(
            self._topic("bridge/state"), self._state("offline"), 1, retain=True
        )
        self.process = Process(
            self,
            broker,
            self.settings,
            will=will,
            subscriptions=[self._topic("bridge/request/#")],
            supervisor=self.setup.supervisor,
        )
        self.actions: Mapping[str, Action] = self._make_actions()
        if self.setup.ran_before:
            self._leave_behind()

    @classmethod
    def from_description(
        cls, found: Mapping[str, Any], settings: LabSettings, broker: Broker
    ) -> Self:
        """Make the bridge of a scenario; `stick: false` begins without its stick."""
        check_keys(found, _KEYS)
        options = {
            key: value
            for key, value in found.items()
            if key not in ("broker", "stick", "base")
        }
        kinds = options.get("devices", SMALL_HOME)
        if isinstance(kinds, Mapping) and (odd := set(kinds.values()) - set(MODELS)):
            raise ScenarioError(f"there are no devices {', '.join(map(str, odd))}")
        for key, known in (("adapter", ADAPTERS), ("supervisor", SUPERVISORS)):
            if options.get(key, next(iter(known))) not in known:
                raise ScenarioError(f"there is no {key} {options[key]}")
        made = cls(
            broker, found.get("base", "zigbee2mqtt"), settings=settings, **options
        )
        made.stick.present = bool(found.get("stick", True))
        return made

    # --- what it is --------------------------------------------------------------

    @property
    def stick(self) -> Stick:
        """The coordinator stick."""
        return self.network.stick

    @property
    def silent(self) -> bool:
        """Whether no device is heard although the stick answers."""
        return self.radio.silent

    @silent.setter
    def silent(self, value: bool) -> None:
        self.radio.silent = value

    def state(self) -> dict[str, Any]:
        """Return what the control page shows."""
        faults = {
            "stick hung": self.stick.hung,
            "stick missing": not self.stick.present,
            "radio silent": self.silent,
        }
        return {
            "name": self.name,
            "kind": self.kind,
            "port": self.port,
            "condition": self.process.condition,
            "faults": [name for name, there in faults.items() if there],
        }

    def _make_actions(self) -> dict[str, Action]:
        def on_device(do: Callable[[Device], Awaitable[None]]) -> Action:
            return lambda given: do(self.device(given.get("device")))

        return {
            "start": lambda given: self.start(),
            "stop": lambda given: self.stop(),
            "crash": lambda given: self.crash(),
            "hang_stick": lambda given: self.hang_stick(),
            "unplug_stick": lambda given: self.unplug_stick(),
            "plug_stick": lambda given: self.plug_stick(),
            "silence": lambda given: self.radio.be_silent(True),
            "speak": lambda given: self.radio.be_silent(False),
            "report_health": lambda given: self.publish_health(),
            "close_network": lambda given: self.permit_join(0),
            "join": lambda given: self.radio.join(
                given.get("name") or f"new {given.get('kind', 'plug')}",
                given.get("kind", "plug"),
            ),
            "leave": on_device(self.radio.leave),
            "device_offline": on_device(self.radio.switch_off),
            "device_online": on_device(self.radio.switch_on),
            "lose_router": on_device(self.radio.lose_from_table),
            "find_router": on_device(self.radio.put_into_table),
            "garble": lambda given: self.publish_raw(
                given.get("topic", "bridge/info"), given.get("payload", "{").encode()
            ),
            "republish": lambda given: self.publish_info(),
        }

    def device(self, name: str | None) -> Device:
        """Return a device, the first one without a name; KeyError for none."""
        found = self.network.devices[0] if name is None else self.network.find(name)
        if found is None:
            raise KeyError(name)
        return found

    # --- what happens to it ------------------------------------------------------

    async def start(self) -> None:
        """Start the process, and wait until it is online or has failed to come up."""
        await self.process.start()

    async def stop(self) -> None:
        """Stop the process as SIGTERM does."""
        await self.process.stop()

    async def crash(self) -> None:
        """Kill the process; it stays away until `start`."""
        await self.process.crash()

    async def hang_stick(self) -> None:
        """Let the stick take commands and never answer."""
        self.stick.hung = True

    async def unplug_stick(self) -> None:
        """Take the stick or the link to it away: the process ends with an error."""
        self.stick.present = False
        await self.log("error", "z2m: Adapter disconnected, stopping")
        self.process.ask(End.LOST)

    async def plug_stick(self) -> None:
        """Bring the stick back in a good state; the supervisor does the rest."""
        self.stick.present, self.stick.hung = True, False

    def restart_soon(self) -> None:
        """Begin anew within the process, as a request wants."""

        async def later() -> None:
            await self.pass_time(_RESTART_SECONDS)
            self.process.ask(End.RESTART)

        self.process.spawn(later())

    async def pass_time(self, seconds: float) -> None:
        """Take as long as the real one, in the rhythm of this lab."""
        await asyncio.sleep(self.settings.scaled(seconds))

    async def permit_join(self, seconds: int) -> None:
        """Open the network for real seconds, or close it."""
        if self._join_timer is not None:
            self._join_timer.cancel()
        self.join_end = time.time() + seconds if seconds > 0 else None
        if seconds > 0:
            self._join_timer = asyncio.get_running_loop().call_later(
                seconds, lambda: self.process.spawn(self.permit_join(0))
            )
        await self.publish_info()

    async def rename(self, device: Device, name: str) -> None:
        """Give a device another name; what is retained under the old one is cleared."""
        old, device.name = device.name, name
        for topic in (old, f"{old}/availability"):
            await self.publish(topic, b"", retain=True)
        await self.publish_devices()
        await self.publish_info()
        await self.publish(name, payloads.report(device))
        await self.publish_availability(device)

    # --- the program -------------------------------------------------------------

    async def prepare(self, *, new: bool) -> bool:
        """Start the stick; without one the process ends after 20 s."""
        if not self.stick.works:
            self.process.settle()
            await self.process.sleep(_NO_STICK_SECONDS)
            return False
        await self.process.sleep(_START_SECONDS)
        now = time.monotonic()
        self._counting_since = now
        if new:
            self._born, self.published, self.received = now, 0, 0
        self.restart_required = False
        self._find_server()
        self.radio.begin()
        self.process.spawn(self.radio.run())
        self.process.spawn(self._check_health())
        return True

    async def greet(self, *, first: bool) -> None:
        """Publish everything, or after a lost connection nothing but the state."""
        await self.publish_raw("bridge/state", self._state("online"), qos=1)
        if not first:
            return
        await self.publish("bridge/converters", [], retain=True)
        await self.publish_info()
        await self.publish_devices()
        for device in self.network.devices:
            await self.publish_availability(device)
        await self.publish("bridge/extensions", [], retain=True)
        await self.log("info", "z2m: Zigbee2MQTT started!")

    async def receive(self, topic: str, payload: bytes) -> None:
        """Answer a request."""
        self.received += 1
        name = topic.removeprefix(self._topic("bridge/request/"))
        answer = await requests.answer(self, name, payload)
        if answer is None:
            return
        if "error" in answer:
            text = f"z2m: Request '{topic}' failed with error: '{answer['error']}'"
            await self.log("error", text)
        await self.publish(f"bridge/response/{name}", answer)

    async def say_goodbye(self) -> None:
        """Publish that it ends."""
        await self.publish_raw("bridge/state", self._state("offline"))

    def halt(self) -> None:
        """Forget that the network was open."""
        self.join_end = None
        if self._join_timer is not None:
            self._join_timer.cancel()

    async def _check_health(self) -> None:
        while not self.setup.legacy:
            await self.pass_time(self.setup.health_minutes * 60)
            await self.publish_health()

    # --- what it publishes -------------------------------------------------------

    async def publish(
        self, topic: str, value: object, *, retain: bool = False, qos: int = 0
    ) -> None:
        """Publish JSON, or bytes as they are, and say so in the log."""
        payload = value if isinstance(value, bytes) else payloads.encode(value)
        if topic not in _SECRETIVE and not topic.endswith(("converters", "extensions")):
            text = payload.decode(errors="replace")
            line = f"topic '{self._topic(topic)}', payload '{text}'"
            await self.log("info", f"z2m:mqtt: MQTT publish: {line}")
        await self.publish_raw(topic, payload, retain=retain, qos=qos)

    async def publish_raw(
        self, topic: str, payload: bytes, *, retain: bool = True, qos: int = 0
    ) -> None:
        """Publish bytes below the base topic; without a connection they are lost."""
        if (client := self.process.client) is None:
            return
        self.published += 1
        try:
            await client.publish(self._topic(topic), payload, qos=qos, retain=retain)
        except aiomqtt.MqttError:
            # Whoever listens to the connection deals with its end.
            return

    async def log(self, level: str, message: str) -> None:
        """Publish a line of the log."""
        wanted = self.configuration["advanced"]["log_level"]
        if _LEVELS[level] <= _LEVELS.get(wanted, 2):
            line = payloads.encode({"level": level, "message": message})
            await self.publish_raw("bridge/logging", line, retain=False)

    async def publish_info(self) -> None:
        """Publish `bridge/info`."""
        await self.publish("bridge/info", self.info(), retain=True)

    async def publish_devices(self) -> None:
        """Publish devices and groups, and the definitions that come with them."""
        await self.publish(
            "bridge/devices", payloads.devices(self.network), retain=True
        )
        await self.publish("bridge/groups", [], retain=True)
        await self.publish("bridge/definitions", payloads.definitions(), retain=True)

    async def publish_availability(self, device: Device) -> None:
        """Publish whether a device is there."""
        state = {"state": "online" if device.available else "offline"}
        await self.publish(f"{device.name}/availability", state, retain=True, qos=1)

    async def publish_health(self) -> None:
        """Publish `bridge/health`."""
        now = time.monotonic()
        health = payloads.health(
            self.network,
            uptime=now - self._born,
            since=now - self._counting_since,
            mqtt={
                "connected": self.process.client is not None,
                "queued": 0,
                "published": self.published,
                "received": self.received,
            },
        )
        await self.publish("bridge/health", health, retain=True, qos=1)

    def info(self) -> dict[str, Any]:
        """Return `bridge/info`."""
        stick, config = self.stick, self.configuration
        info: dict[str, Any] = {
            "commit": "3c3d8c1a",
            "config": config,
            "config_schema": payloads.schema(),
            "coordinator": {
                "ieee_address": stick.ieee,
                "meta": dict(stick.adapter.meta),
                "type": stick.adapter.type,
            },
            "log_level": config["advanced"]["log_level"],
            "mqtt": {"server": config["mqtt"]["server"], "version": 4},
            "network": {
                "channel": stick.channel,
                "extended_pan_id": f"0xdddddddd{stick.pan_id:08x}",
                "pan_id": stick.pan_id,
            },
            "os": {
                "cpus": "12th Gen Intel(R) Core(TM) i5-12500T (x1)",
                "memory_mb": 1024,
                "node_version": "v22.21.1",
                "version": "#1 SMP PREEMPT_DYNAMIC PMX 6.8.12-4 - 6.8.12-4-pve - x64",
            },
            "permit_join": self.join_end is not None,
            "restart_required": self.restart_required,
            "version": LEGACY_VERSION if self.setup.legacy else VERSION,
            "zigbee_herdsman": {"version": "10.9.2"},
            "zigbee_herdsman_converters": {"version": "26.105.0"},
        }
        if self.join_end is not None:
            info["permit_join_end"] = int(self.join_end * 1000)
        return info

    # --- inside ------------------------------------------------------------------

    def _topic(self, rest: str) -> str:
        return f"{self.base}/{rest}"

    def _state(self, word: str) -> bytes:
        return word.encode() if self.setup.legacy else payloads.encode({"state": word})

    def _find_server(self) -> None:
        server = self.setup.server or f"mqtt://{HOST}:{self._broker.port or 1883}"
        self.configuration["mqtt"]["server"] = server

    def _leave_behind(self) -> None:
        for topic, payload in (
            ("state", self._state("offline")),
            ("info", payloads.encode(self.info())),
            ("devices", payloads.encode(payloads.devices(self.network))),
        ):
            self._broker.remember(self._topic(f"bridge/{topic}"), payload)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()
