"""How fast, how old and how quiet the lab is."""

from dataclasses import dataclass, field
from enum import StrEnum
import os
from pathlib import Path

REAL_TASK_SECONDS = 3.0
"""What starting a guest takes on real hardware, about."""


def _broker_of_environment() -> str | None:
    return os.environ.get("LAB_BROKER") or None


class Churn(StrEnum):
    """How the figures of guests and nodes move from one refresh to the next."""

    QUIET = "quiet"
    """Uptimes of all, counters of busy guests only."""
    CHANGING = "changing"
    """Every figure of everything that runs."""
    FROZEN = "frozen"
    """Nothing, not even uptimes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSettings:
    """The settings of one lab; times are seconds.

    `task_seconds` is how long a typical task takes; all other waits inside the
    simulated systems are scaled with it (3 is real time). `resources_interval` is
    the rhythm of pvestatd (real: 10), 0 computes `/cluster/resources` for every
    request. `unknown_after` is when the last values of a silent node are dropped.
    `auth_delay` is how late a 401 comes (real: 3). `self_mac`, `self_smbios` and
    `self_addresses` are put into the guest that the scenario marks as `self`.
    `state_dir` keeps the certificates, and what brokers retain, between two runs.

    `radios` starts the brokers, bridges and gateways of a scenario too. `broker` is
    the program of brokers: `mosquitto`, `embedded`, or None for the best that is here;
    the environment variable LAB_BROKER is its default. `radio_port` is the port of the
    first equipment that has one, every further one has the tenth after it; a broker's
    TLS port is the next after its own. 0 is any that is free.
    """

    task_seconds: float = 0.05
    auth_delay: float = 0.0
    resources_interval: float = 0.0
    unknown_after: float = 300.0
    pve_version: str = "9.2"
    latency: float = 0.0
    port: int = 0
    control_port: int | None = None
    self_mac: str | None = None
    self_smbios: str | None = None
    self_addresses: tuple[str, ...] = ()
    state_dir: Path | None = None
    churn: Churn = Churn.QUIET
    seed: int = 0
    radios: bool = False
    broker: str | None = field(default_factory=_broker_of_environment)
    radio_port: int = 0

    def scaled(self, seconds: float) -> float:
        """What these seconds of a real system take in this lab."""
        return seconds * self.task_seconds / REAL_TASK_SECONDS
