"""A Home Assistant of the demo's own: its folder, and the program."""

import asyncio
import json
from pathlib import Path
import sys
from typing import Any

from .client import POLL_SECONDS, HomeAssistantClient
from .processes import Program

START_SECONDS = 120.0
RESTART_EXIT_CODE = 100
"""How Home Assistant ends when somebody asks it to restart."""

REPOSITORY = Path(__file__).resolve().parent.parent

CONFIGURATION = """\
# Written by scripts/demo at every start.
homeassistant:
  name: Homelab demo
  country: "NO"
  currency: EUR
  unit_system: metric
  time_zone: Europe/Oslo
  latitude: 60.0
  longitude: 10.0
config:
frontend:
history:
logbook:
recorder:
  commit_interval: 5
system_health:
logger:
  default: warning
  logs:
    custom_components.proxmox_homelab: info
    # The demo has no cameras, so their libraries may be missing.
    haffmpeg: critical
    homeassistant.components.camera.img_util: critical
"""

# The web server's settings live in Home Assistant's storage. Only this machine can
# reach the demo, because everybody knows its password.
_HTTP = {
    "cors_allowed_origins": [],
    "login_attempts_threshold": -1,
    "ip_ban_enabled": True,
    "ssl_profile": "intermediate_v6",
    "use_x_frame_options": True,
    "created_at": "2026-01-01T00:00:00+00:00",
    "error": None,
    "error_message": None,
}

# The other steps would set up integrations that call services on the internet.
_ONBOARDED = ["core_config", "analytics", "integration"]


def prepare(folder: Path, *, port: int) -> None:
    """Write what Home Assistant needs to start; what it keeps itself stays."""
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION)
    link = folder / "custom_components"
    link.unlink(missing_ok=True)
    link.symlink_to(REPOSITORY / "custom_components")
    _store(
        storage / "http",
        version=3,
        data={
            "stable": {
                "server_host": ["127.0.0.1"],
                "server_port": port,
                **_HTTP,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
    )
    if not (storage / "onboarding").exists():
        _store(storage / "onboarding", version=4, data={"done": _ONBOARDED})


def _store(path: Path, *, version: int, data: dict[str, Any]) -> None:
    path.write_text(
        json.dumps(
            {"version": version, "minor_version": 1, "key": path.name, "data": data}
        )
    )


def program(folder: Path) -> Program:
    """Return the Home Assistant that lives in a folder."""
    return Program(
        "Home Assistant",
        # Whatever it needs was installed by scripts/setup.
        [sys.executable, "-m", "homeassistant", "--skip-pip", "--config", str(folder)],
        folder=folder,
        log=folder / "output.log",
    )


async def wait_for_page(running: Program, client: HomeAssistantClient) -> None:
    """Wait until the web server answers, or raise with the end of the log."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await client.answers():
                if running.returncode is not None:
                    raise running.failure("ended instead of starting")
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise running.failure(f"did not answer in {START_SECONDS:.0f} s") from None
