"""What happens in the air: devices report, fall silent, join and leave."""

from typing import TYPE_CHECKING

from lab.mqtt import payloads
from lab.mqtt.zigbee import Device

if TYPE_CHECKING:
    from lab.mqtt.bridge import Bridge

_TICK_SECONDS = 5.0
_TICKS_PER_REPORT = 12
# Everything that is heard is counted, but a big house would flood a small test.
_SHOWN_PER_TICK = 2
_MAINS_TIMEOUT = 10 * 60.0
_BATTERY_TIMEOUT = 25 * 3600.0
_INTERVIEW_SECONDS = 2.0


class Radio:
    """The air of a bridge. `silent` says that no device comes through any more."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._ticks = 0
        self.silent = False

    def begin(self) -> None:
        """Count messages anew."""
        for device in self._bridge.network.devices:
            device.messages = 0
            device.silence = 0

    async def run(self) -> None:
        """Let every device report once a minute, for ever."""
        while True:
            await self._bridge.pass_time(_TICK_SECONDS)
            self._ticks += 1
            if self._bridge.stick.works and not self.silent:
                await self._report()
            await self._look_for_lost()

    async def _report(self) -> None:
        devices = self._bridge.network.devices
        heard = [
            device
            for number, device in enumerate(devices)
            if device.online and (number + self._ticks) % _TICKS_PER_REPORT == 0
        ]
        for device in heard:
            device.hear()
            await self._set_available(device, True)
        for device in heard[:_SHOWN_PER_TICK]:
            await self._bridge.publish(device.name, payloads.report(device))

    async def _look_for_lost(self) -> None:
        for device in self._bridge.network.devices:
            device.silence += 1
            limit = _MAINS_TIMEOUT if device.router else _BATTERY_TIMEOUT
            if device.silence * _TICK_SECONDS > limit:
                await self._set_available(device, False)

    async def _set_available(self, device: Device, available: bool) -> None:
        if device.available is not available:
            device.available = available
            await self._bridge.publish_availability(device)

    # --- what can be done ----------------------------------------------------------

    async def be_silent(self, silent: bool) -> None:
        """Let no device be heard any more, or all again."""
        self.silent = silent

    async def switch_off(self, device: Device) -> None:
        """Take a device away, and have the bridge notice at once."""
        device.online = False
        await self._set_available(device, False)

    async def switch_on(self, device: Device) -> None:
        """Bring a device back."""
        device.online = True
        device.hear()
        await self._set_available(device, True)

    async def lose_from_table(self, device: Device) -> None:
        """Let the stick forget a router, as a bad backup does."""
        device.in_table = False

    async def put_into_table(self, device: Device) -> None:
        """Let the stick know a router again."""
        device.in_table = True

    async def join(self, name: str, kind: str) -> None:
        """Have a new device join, ValueError while the network is closed."""
        bridge = self._bridge
        if bridge.join_end is None:
            raise ValueError("the network is closed")
        device = bridge.network.make_device(name, kind)
        device.interviewed = False
        bridge.network.devices.append(device)
        await bridge.log("info", f"z2m: Device '{name}' joined")
        await bridge.publish_devices()
        await self._tell("device_joined", device)
        await self._tell("device_interview", device, status="started")
        bridge.process.spawn(self._interview(device))

    async def _interview(self, device: Device) -> None:
        bridge = self._bridge
        await bridge.pass_time(_INTERVIEW_SECONDS)
        device.interviewed = True
        device.hear()
        await bridge.publish_devices()
        await self._tell(
            "device_interview",
            device,
            status="successful",
            supported=True,
            definition=payloads.definition(device),
        )
        await bridge.publish(device.name, payloads.report(device))
        await bridge.publish_devices()
        await bridge.publish_info()
        await self._tell("device_announce", device)
        await bridge.publish_availability(device)

    async def leave(self, device: Device) -> None:
        """Have a device leave; its retained availability stays behind."""
        bridge = self._bridge
        bridge.network.devices.remove(device)
        await bridge.log("warning", f"z2m: Device '{device.name}' left the network")
        await bridge.publish_devices()
        await self._tell("device_leave", device)

    async def _tell(self, kind: str, device: Device, **more: object) -> None:
        data = {"friendly_name": device.name, "ieee_address": device.ieee, **more}
        await self._bridge.publish("bridge/event", {"data": data, "type": kind})
