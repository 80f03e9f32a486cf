"""A Home Assistant of the bench's own, with the probe inside."""

import asyncio
import json
from pathlib import Path
import shutil
import sys
from typing import Any, Self

from demo.processes import Program, free_port

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0
ANSWER_SECONDS = 600.0
LARGEST_ANSWER = 2**24

# The recorder writes, as it does for most people; the web server is idle.
CONFIGURATION = """\
homeassistant:
  name: Bench
  unit_system: metric
  time_zone: UTC
  latitude: 60.0
  longitude: 10.0
recorder:
history:
logbook:
bench_probe:
logger:
  default: warning
"""

_HTTP = {
    "server_host": ["127.0.0.1"],
    "cors_allowed_origins": [],
    "login_attempts_threshold": -1,
    "ip_ban_enabled": True,
    "ssl_profile": "intermediate_v6",
    "use_x_frame_options": True,
    "created_at": "2026-01-01T00:00:00+00:00",
    "error": None,
    "error_message": None,
}


class HomeAssistant:
    """One Home Assistant process, and the line to the probe in it."""

    def __init__(self, folder: Path) -> None:
        """Write a new configuration folder; nothing is started yet."""
        _prepare(folder)
        self._port_file = folder / "bench_probe.port"
        self._program = Program(
            "Home Assistant",
            [sys.executable, "-m", "homeassistant", "--skip-pip", "--config", "."],
            folder=folder,
            log=folder / "output.log",
        )
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Have the probe carry out a command and return its result."""
        line = json.dumps({"command": command, **arguments}).encode() + b"\n"
        self._writer.write(line)
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await self._reader.readline()
        if not answer:
            raise self._program.failure("ended during a measurement")
        message = json.loads(answer)
        if "error" in message:
            raise self._program.failure(f"says to {command}:\n{message['error']}")
        return message["result"]

    async def __aenter__(self) -> Self:
        await self._program.start()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._connect()
        except TimeoutError:
            raise self._program.failure("did not start") from None
        await self.ask("wait_started")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._program.stop()

    async def _connect(self) -> None:
        while not (self._port_file.exists() and self._port_file.read_text()):
            if self._program.returncode is not None:
                raise self._program.failure("ended instead of starting")
            await asyncio.sleep(0.1)
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", int(self._port_file.read_text()), limit=LARGEST_ANSWER
        )


def _prepare(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    custom = folder / "custom_components"
    custom.mkdir(parents=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION)
    (custom / "bench_probe").symlink_to(REPOSITORY / "bench" / "probe")
    (custom / "proxmox_homelab").symlink_to(
        REPOSITORY / "custom_components" / "proxmox_homelab"
    )
    storage = folder / ".storage"
    storage.mkdir()
    stored = {
        "version": 3,
        "minor_version": 1,
        "key": "http",
        "data": {
            "stable": {**_HTTP, "server_port": free_port(8130)},
            "pending": None,
            "yaml_migration_done": True,
        },
    }
    (storage / "http").write_text(json.dumps(stored))
