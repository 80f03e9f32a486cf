"""The simulated homelab of the demo: the lab as a program of its own."""

import asyncio
from http import HTTPStatus
import json
from pathlib import Path
import sys
from typing import Any, Final

import aiohttp

from .client import POLL_SECONDS
from .home_assistant import REPOSITORY
from .processes import DemoError, Program, free_block, free_port

SCENARIOS: Final = ("house", "cluster")
API_PORT: Final = 8006
CONTROL_PORT: Final = 8007
# The lab gives ten ports to each system of radios, and uses the first two of them.
RADIO_PORT: Final = 8100
RADIO_OFFSETS: Final = (0, 1, 10, 11, 20, 21)
START_SECONDS: Final = 60.0
ADMINISTRATOR: Final = "root@pam"

# Every node listens on an address of its own, and all of them on one port.
ADDRESSES: Final = tuple(f"127.0.0.{number}" for number in range(1, 4))


class Homelab:
    """Starts a lab and knows how to reach it.

    Its certificates stay in `folder` and its tokens never change, so that Home
    Assistant is at home with it at the next start as well.
    """

    def __init__(
        self, session: aiohttp.ClientSession, scenario: str, folder: Path
    ) -> None:
        """Choose ports; nothing is started yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self._session = session
        self._announcement = folder / "announcement.json"
        self._announcement.unlink(missing_ok=True)
        self._facts: dict[str, Any] = {}
        port = free_port(API_PORT, ADDRESSES)
        # Beside another lab the two would otherwise meet at the same free port.
        control = free_port(max(CONTROL_PORT, port + 1))
        self.program = Program(
            "The lab",
            [
                *(sys.executable, "-m", "lab", scenario),
                *("--port", str(port)),
                *("--control-port", str(control)),
                *("--radio-port", str(free_block(RADIO_PORT, RADIO_OFFSETS))),
                *("--state-dir", str(folder)),
                *("--announce", str(self._announcement)),
                *("--self-mac", "auto"),
                *("--churn", "changing"),
            ],
            folder=REPOSITORY,
            log=folder / "output.log",
        )

    @property
    def address(self) -> str:
        """The address to type into the set-up."""
        return f"{ADDRESSES[0]}:{self._facts['port']}"

    @property
    def token(self) -> str:
        """A token that may do everything the integration can use."""
        return str(self._facts["tokens"]["everything"])

    @property
    def password(self) -> str:
        """The password of the administrator."""
        return str(self._facts["passwords"][ADMINISTRATOR])

    @property
    def control_url(self) -> str:
        """The page on which the lab is changed from outside."""
        return str(self._facts["control_url"])

    def equipment(self, kind: str) -> list[dict[str, Any]]:
        """Return how to reach the brokers, Z-Wave servers or gateways."""
        return [found for found in self._facts["equipment"] if found["kind"] == kind]

    async def wait_until_ready(self) -> None:
        """Wait until the lab says how to reach it, or raise with its log's end."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while not self._facts:
                    if self.program.returncode is not None:
                        raise self.program.failure("ended instead of starting")
                    await asyncio.sleep(POLL_SECONDS)
                    self._facts = self._announced()
        except TimeoutError:
            raise self.program.failure(
                f"was not ready in {START_SECONDS:.0f} s"
            ) from None

    async def stop_guest(self, vmid: int) -> None:
        """Stop a guest, as if somebody did it in Proxmox VE."""
        await self._act({"do": "set_state", "vmid": vmid, "state": "stopped"})

    async def to_equipment(self, name: str, action: str) -> None:
        """Do something to a broker, a bridge or a server, as its control page does."""
        await self._act({"do": "equipment", "name": name, "action": action})

    async def _act(self, action: dict[str, Any]) -> None:
        async with self._session.post(
            f"{self.control_url}/action", json=action
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise DemoError(f"the lab refuses: {await answer.text()}")

    def _announced(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads(self._announcement.read_text())
        except FileNotFoundError, json.JSONDecodeError:
            # Not there yet, or not whole yet.
            return {}
        return facts
