"""The CPU time of the threads of this process, as Linux counts it."""

from pathlib import Path

_TASKS = Path("/proc/self/task")
_NANO = 1e-9


def cpu_by_thread() -> dict[str, float]:
    """Return the seconds of CPU that the living threads have used, by their names."""
    found: dict[str, float] = {}
    for task in _TASKS.iterdir():
        try:
            name = (task / "comm").read_text(encoding="ascii").strip()
            used = (task / "schedstat").read_text(encoding="ascii").split()[0]
        except OSError:
            # It has ended in the meantime.
            continue
        found[name] = found.get(name, 0.0) + int(used) * _NANO
    return found


def spent_since(before: dict[str, float]) -> dict[str, float]:
    """Return the seconds that each thread has used since then."""
    return {
        name: used - before.get(name, 0.0) for name, used in cpu_by_thread().items()
    }
