"""Programs that the demo starts, and the ports that they listen on."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
import os
from pathlib import Path
import signal
import socket
from typing import Self

STOP_SECONDS = 30.0
LOG_LINES_SHOWN = 20
PORTS_TRIED = 100


class DemoError(Exception):
    """The demo cannot go on; the message says why, for the person who started it."""


class Program:
    """A program in a process group of its own, its output in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Say what to run; nothing is started yet."""
        self.name = name
        self.log = log
        self._command = command
        self._folder = folder
        self._environment = {**os.environ, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def returncode(self) -> int | None:
        """How the program ended, None while it runs."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start the program; what it writes replaces the log of the last time."""
        with self.log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                # Ctrl-C is for the demo, which then stops its programs in order.
                start_new_session=True,
            )

    async def wait(self) -> int:
        """Wait for the program's end and return its exit status."""
        if self._process is None:
            raise DemoError(f"{self.name} was not started")
        return await self._process.wait()

    async def stop(self) -> None:
        """End the program and whatever it started, kindly at first."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def failure(self, what: str) -> DemoError:
        """Return an error that carries the end of the log."""
        return DemoError(f"{self.name} {what}\n\n{last_lines(self.log)}\n({self.log})")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def last_lines(log: Path, count: int = LOG_LINES_SHOWN) -> str:
    """Return the last lines of a log, indented for the terminal."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (empty log)"


def is_free(port: int, hosts: Sequence[str]) -> bool:
    """Say whether nothing listens on this port of any of these addresses."""
    for host in hosts:
        with closing(socket.socket()) as probe:
            # As servers do, so that connections of a moment ago are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def free_port(wanted: int, hosts: Sequence[str] = ("127.0.0.1",)) -> int:
    """Return the first free port from `wanted` on."""
    for port in range(wanted, wanted + PORTS_TRIED):
        if is_free(port, hosts):
            return port
    raise DemoError(f"no free port from {wanted} to {wanted + PORTS_TRIED - 1}")


def free_block(wanted: int, offsets: Sequence[int]) -> int:
    """Return the first port from `wanted` on that is free at all these offsets."""
    for port in range(wanted, wanted + PORTS_TRIED):
        if all(is_free(port + offset, ("127.0.0.1",)) for offset in offsets):
            return port
    raise DemoError(f"no free block of ports from {wanted} on")
