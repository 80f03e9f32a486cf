"""Whether a radio has fallen silent, by the counters that its bridge reports.

An adapter that cannot be asked anything is judged by this alone. A quiet house is no
fault: silence means something only when messages should have come by then.
"""

from datetime import datetime
from typing import Final

from .models import Health

# That many messages were due without one coming: by chance that happens less than once
# in 20,000 times (Poisson, exp(-10)).
_DUE: Final = 10.0
# One report without a message may have come just before the next message.
_REPORTS: Final = 2


class Traffic:
    """What the reports of one bridge say of its devices' messages.

    per_minute: between the last two reports, at first the mean since its start.
    last_message_at: the report before which a message came; None until then.
    silent: None until it can be told.
    """

    def __init__(self) -> None:
        """Start with no report."""
        self.per_minute: float | None = None
        self.last_message_at: datetime | None = None
        self.silent: bool | None = None
        self._last: Health | None = None
        self._heard_at: datetime | None = None
        self._usual_per_second = 0.0
        self._reports_without = 0

    def note(self, report: Health) -> None:
        """Take the next report; one that came already says nothing new."""
        last = self._last
        if last is not None and report.at <= last.at:
            return
        self._last = report
        if last is None:
            self.per_minute = round(report.per_second * 60, 2)
            self._heard_at = report.at
            self._usual_per_second = report.per_second
            return
        seconds = (report.at - last.at).total_seconds()
        count = _messages_between(last, report)
        self.per_minute = round(count * 60 / seconds, 2)
        if count:
            self._hear(report)
        else:
            self._reports_without += 1
            self._judge(report)

    def _hear(self, report: Health) -> None:
        self.last_message_at = self._heard_at = report.at
        self._usual_per_second = report.per_second or self._usual_per_second
        self._reports_without = 0
        self.silent = False

    def _judge(self, report: Health) -> None:
        since = self._heard_at or report.at
        due = self._usual_per_second * (report.at - since).total_seconds()
        if self._reports_without >= _REPORTS and due >= _DUE:
            self.silent = True


def _messages_between(last: Health, report: Health) -> int:
    """Return how many messages came; a counter that fell has begun anew."""
    return sum(
        count - before if count >= (before := last.messages.get(address, 0)) else count
        for address, count in report.messages.items()
    )
