"""The backups of all storages, and how the guests are covered by them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, override

from homeassistant.util import dt as dt_util

from ..const import INTERVAL_BACKUPS
from ..coordinator import PartsCoordinator
from ..errors import PermissionDeniedError
from . import keys
from .coordinator import Section
from .models import Backup, BackupCoverage

if TYPE_CHECKING:
    from .source import ProxmoxSource


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestBackups:
    """The backups of one guest: the newest good one, and how many there are."""

    last: Backup | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPosture:
    """How the guests of the cluster are covered, all by vmid.

    stale: guests whose newest good backup is older than the user's limit.
    never: guests that a job covers and that have no good backup.
    uncovered: guests in no backup job; None when that could not be read.
    """

    stale: tuple[int, ...]
    never: tuple[int, ...]
    uncovered: tuple[int, ...] | None

    @property
    def is_problem(self) -> bool:
        """Whether a guest that is meant to be backed up is not."""
        return bool(self.stale or self.never)


# The part that is not a storage: which guests are in no backup job.
_COVERAGE = "coverage"


class BackupsCoordinator(
    PartsCoordinator[
        tuple[Backup, ...] | BackupCoverage | None, GuestBackups | BackupPosture
    ]
):
    """Storage by storage: one that hangs costs its time-out and keeps its last list."""

    def __init__(self, source: ProxmoxSource, max_backup_age: timedelta) -> None:
        """Prepare the section."""
        super().__init__(
            source.hass,
            source.entry,
            section=Section.BACKUPS,
            max_age=INTERVAL_BACKUPS,
            tick=timedelta(minutes=5),
            keep_last=True,
        )
        self._source = source
        self._max_backup_age = max_backup_age

    @override
    def parts(self) -> Iterable[str]:
        storages = [
            key
            for key, storage in self._source.resources.storages().items()
            if "backup" in storage.content and storage.unreachable_since is None
        ]
        return [*storages, _COVERAGE]

    @override
    async def async_fetch_part(
        self, part: str
    ) -> tuple[Backup, ...] | BackupCoverage | None:
        if part == _COVERAGE:
            try:
                return await self._source.client.backup_coverage()
            except PermissionDeniedError:
                return None
        storage = self._source.resources.storages()[part]
        node = storage.node or self._source.online_node(storage.nodes)
        if node is None:
            return ()
        return await self._source.client.backups(node, storage.name)

    def of_guest(self, vmid: int) -> tuple[Backup, ...]:
        """Return the backups of a guest on all storages, newest first."""
        never = dt_util.utc_from_timestamp(0)
        found = [
            backup
            for answer in self._answers.values()
            if isinstance(answer, tuple)
            for backup in answer
            if backup.vmid == vmid
        ]
        found.sort(key=lambda backup: backup.created_at or never, reverse=True)
        return tuple(found)

    def last_backup(self, vmid: int) -> Backup | None:
        """Return the newest good backup of a guest."""
        item = self.data.get(keys.guest_key(vmid))
        return item.last if isinstance(item, GuestBackups) else None

    @override
    def combine(
        self, answers: Mapping[str, tuple[Backup, ...] | BackupCoverage | None]
    ) -> dict[str, GuestBackups | BackupPosture]:
        backups: dict[int, list[Backup]] = {}
        coverage: BackupCoverage | None = None
        for answer in answers.values():
            if isinstance(answer, BackupCoverage):
                coverage = answer
                continue
            for backup in answer or ():
                backups.setdefault(backup.vmid, []).append(backup)
        # Without the right to see backups the lists are silently empty: then
        # nothing is known, which is not the same as "no backup".
        if not backups:
            return {}
        guests = {
            vmid: _guest_backups(backups.get(vmid, ()))
            for vmid in self._source.resources.guests()
        }
        data: dict[str, GuestBackups | BackupPosture] = {
            keys.guest_key(vmid): item for vmid, item in guests.items()
        }
        data[keys.CLUSTER] = self._posture(guests, coverage)
        return data

    def _posture(
        self, guests: Mapping[int, GuestBackups], coverage: BackupCoverage | None
    ) -> BackupPosture:
        oldest = dt_util.utcnow() - self._max_backup_age
        stale, never = [], []
        for vmid, item in sorted(guests.items()):
            if item.last is not None and item.last.created_at is not None:
                if item.last.created_at < oldest:
                    stale.append(vmid)
            elif coverage is not None and vmid not in coverage.uncovered:
                never.append(vmid)
        return BackupPosture(
            stale=tuple(stale),
            never=tuple(never),
            uncovered=None
            if coverage is None
            else tuple(sorted(coverage.uncovered & guests.keys())),
        )


def _guest_backups(backups: Collection[Backup]) -> GuestBackups:
    good = [
        (backup.created_at, backup)
        for backup in backups
        if backup.created_at is not None
        and backup.verified is not False
        # A snapshot of size 1 on a backup server is unfinished or broken.
        and backup.size != 1
    ]
    _, last = max(good, key=lambda pair: pair[0], default=(None, None))
    return GuestBackups(last=last, count=len(backups))
