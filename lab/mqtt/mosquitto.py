"""Mosquitto as a child process with a configuration of its own."""

import asyncio
import base64
import contextlib
import hashlib
import os
from pathlib import Path
import re
import shutil
import signal
import socket

from lab.mqtt.backend import HOST, Plan, pause

_POLL_SECONDS = 0.01
_POLLS = 1000
_STOP_SECONDS = 10.0
_ITERATIONS = 101
_SUBSCRIPTION = re.compile(r"^\d+: (\S+) [0-2] (\S.*)$")


def find() -> str | None:
    """Return the program, also from where Debian puts it outside of the PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Mosquitto:
    """The real broker."""

    name = "mosquitto"

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._folder: Path | None = None
        self._open = False

    @property
    def _lives(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def running(self) -> bool:
        """Whether it has opened its ports and its process is there."""
        return self._open and self._lives

    @property
    def subscribed(self) -> list[tuple[str, str]]:
        """What its log says."""
        if self._folder is None:
            return []
        return [
            (match[1], match[2])
            for line in _read(self._folder / "log").splitlines()
            if (match := _SUBSCRIPTION.match(line))
        ]

    async def start(self, plan: Plan) -> None:
        """Start the process and wait until it serves."""
        self._folder = plan.folder
        _write_files(plan)
        (plan.folder / "log").unlink(missing_ok=True)
        # It shall not outlive a lab that was killed.
        guard = shutil.which("setpriv")
        before = (guard, "--pdeathsig", "TERM", "--") if guard else ()
        self._process = await asyncio.create_subprocess_exec(
            *before,
            self._program,
            "-c",
            str(plan.folder / "mosquitto.conf"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self._wait_until_open(plan.port)
        except OSError:
            await self.stop()
            raise

    async def _wait_until_open(self, port: int) -> None:
        for _ in range(_POLLS):
            there = await asyncio.to_thread(_look, port)
            # Somebody else's port answers as well; ours would have ended by now.
            await pause(_POLL_SECONDS)
            if there and self._lives:
                self._open = True
                return
            if not self._lives:
                break
        raise OSError(f"mosquitto did not start: {self._last_words()}")

    def _last_words(self) -> str:
        log = _read(self._folder / "log") if self._folder else ""
        return log.strip().rpartition("\n")[2] or "it said nothing"

    async def reload(self, plan: Plan) -> None:
        """Write password and access list anew and have them read."""
        _write_files(plan)
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Ask it to end, and kill it when it does not."""
        process, self._process, self._open = self._process, None, False
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    def forget(self) -> None:
        """Delete its database."""
        if self._folder is not None:
            (self._folder / "mosquitto.db").unlink(missing_ok=True)


def _look(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _write_files(plan: Plan) -> None:
    files = {"mosquitto.conf": _configuration(plan), "acl": _access_list(plan)}
    if plan.user is not None:
        files["passwords"] = f"{plan.user}:{_hashed(plan.password or '')}\n"
    for name, text in files.items():
        path = plan.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")


def _configuration(plan: Plan) -> str:
    lines = [
        "per_listener_settings false",
        f"log_dest file {plan.folder}/log",
        "log_type error",
        "log_type warning",
        "log_type subscribe",
        f"acl_file {plan.folder}/acl",
        f"sys_interval {max(1, round(plan.sys_interval))}",
        f"persistence {str(plan.persistence).lower()}",
        f"persistence_location {plan.folder}/",
        "allow_anonymous true"
        if plan.user is None
        else f"allow_anonymous false\npassword_file {plan.folder}/passwords",
        f"listener {plan.port} {HOST}",
    ]
    if os.geteuid() == 0:
        # Else it would become a user that cannot read these files.
        lines.insert(0, "user root")
    if plan.tls is not None:
        lines += [
            f"listener {plan.tls.port} {HOST}",
            f"cafile {plan.tls.authority}",
            f"certfile {plan.tls.certificate}",
            f"keyfile {plan.tls.key}",
            f"require_certificate {str(plan.tls.client_required).lower()}",
        ]
    return "\n".join([*lines, ""])


def _access_list(plan: Plan) -> str:
    rights = ["topic readwrite #", "topic readwrite $SYS/#"]
    rights += [f"topic deny {topic}" for topic in plan.denied]
    if plan.user is not None:
        rights.insert(0, f"user {plan.user}")
    return "\n".join([*rights, ""])


def _hashed(password: str) -> str:
    """Return what mosquitto_passwd would write for a password."""
    salt = os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    encoded = (base64.b64encode(part).decode() for part in (salt, key))
    return "$".join(["", "7", str(_ITERATIONS), *encoded])
