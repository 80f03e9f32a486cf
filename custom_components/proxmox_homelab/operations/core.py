"""What every command has in common: consent, deadline, outcome, errors and trace."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr

from ..const import DOMAIN, EVENT_COMMAND
from ..coordinator import as_command_error
from ..errors import AuthenticationError, HomelabError
from ..guard import Consent, Reason, Refusal
from ..proxmox.models import Guest, TaskResult
from ..proxmox.source import ProxmoxSource
from ..source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a command is to be carried out.

    wait: until its task has ended, else only until it was accepted.
    timeout: seconds that a guest gets to shut down, None for the entry's option.
    context: on whose behalf, as Home Assistant traces it.
    """

    consent: Consent = field(default_factory=Consent)
    wait: bool = True
    timeout: int | None = None
    context: Context | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended, as actions report it.

    task: the UPID, None where the cluster makes no task of it.
    exit_status: what the task says, "running" when nobody waited for it and
        "already" when there was nothing to do.
    seconds: how long it took, seen from here.
    log: the last lines of the task's log.
    """

    task: str | None = None
    exit_status: str = "OK"
    seconds: float = 0.0
    log: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: TaskResult) -> Outcome:
        """Return the outcome of a task that was waited for."""
        return cls(
            task=result.upid,
            exit_status=result.exit_status,
            seconds=round(result.seconds, 1),
            log=result.log,
        )


ALREADY = Outcome(exit_status="already")


class Verdict(StrEnum):
    """What came of a command, in the event that tells of it."""

    DONE = "done"
    STARTED = "started"
    ALREADY = "already"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(slots=True)
class Audit:
    """What is known of a command while it is carried out."""

    outcome: Outcome = field(default_factory=Outcome)

    def ended(self, outcome: Outcome) -> Outcome:
        """Remember how it ended, and return that."""
        self.outcome = outcome
        return outcome

    @property
    def verdict(self) -> Verdict:
        """What came of a command that raised nothing."""
        words = {"already": Verdict.ALREADY, "running": Verdict.STARTED}
        return words.get(self.outcome.exit_status, Verdict.DONE)


@asynccontextmanager
async def audited(
    source: Source, key: str, command: str, options: Options
) -> AsyncGenerator[Audit]:
    """Fire one event with what came of the command, whoever gave it."""
    audit = Audit()
    started = monotonic()
    verdict, reason = Verdict.FAILED, None
    try:
        yield audit
        verdict = audit.verdict
    except HomeAssistantError as err:
        refusal = isinstance(err, ServiceValidationError)
        verdict = Verdict.REFUSED if refusal else Verdict.FAILED
        reason = err.translation_key
        raise
    finally:
        device = dr.async_get(source.hass).async_get_device_by_identifier(
            (DOMAIN, key), source.entry.entry_id
        )
        source.hass.bus.async_fire(
            EVENT_COMMAND,
            {
                "entry_id": source.entry.entry_id,
                "device_id": device.id if device else None,
                "name": (device.name_by_user or device.name) if device else key,
                "command": command,
                "result": verdict,
                "reason": reason,
                "task": audit.outcome.task,
                "seconds": round(monotonic() - started, 1),
            },
            context=options.context,
        )


def refused(refusal: Refusal) -> ServiceValidationError:
    """Return the refusal as what a person reads."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=refusal.reason,
        translation_placeholders=refusal.placeholders,
    )


def refuse(refusal: Refusal | None) -> None:
    """Raise the refusal, do nothing without one."""
    if refusal is not None:
        raise refused(refusal)


@asynccontextmanager
async def translated(source: Source) -> AsyncGenerator[None]:
    """Turn the errors of the client into what a command raises."""
    try:
        yield
    except HomelabError as err:
        if isinstance(err, AuthenticationError):
            source.entry.async_start_reauth(source.hass)
        raise as_command_error(err, source.entry.title) from err


@asynccontextmanager
async def refreshing(source: ProxmoxSource, guest: Guest) -> AsyncGenerator[None]:
    """Translate errors, and show how the guest is afterwards, however it went."""
    try:
        async with translated(source):
            yield
    finally:
        # What went wrong is told by the command itself or by the next poll.
        with suppress(HomelabError):
            await source.async_refresh_guest(guest)


async def async_fresh_guest(source: ProxmoxSource, vmid: int) -> Guest:
    """Return the guest as it is this moment: the list is up to 20 s old."""
    guest = source.guest(vmid)
    if guest is None:
        raise refused(
            Refusal(reason=Reason.UNKNOWN_GUEST, placeholders={"vmid": str(vmid)})
        )
    if guest.unreachable_since is not None:
        return guest
    async with translated(source):
        return await source.async_refresh_guest(guest)


async def async_finish(
    source: ProxmoxSource, upid: str, options: Options, deadline: float
) -> Outcome:
    """Wait for the task, if that is wanted, at most `deadline` seconds."""
    if not options.wait:
        return Outcome(task=upid, exit_status="running")
    result = await source.client.wait_for_task(upid, deadline_seconds=deadline)
    return Outcome.of(result)
