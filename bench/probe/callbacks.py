"""How long the callbacks of the event loop take, in CPU time."""

from asyncio import events
from collections.abc import Callable
from time import thread_time
from typing import Any


class LoopCallbacks:
    """Remembers the longest callback that the event loop has run.

    CPU time of the thread, so that a busy machine does not lengthen it.
    """

    def __init__(self) -> None:
        """Prepare; nothing is measured before `install`."""
        self.longest = 0.0
        self.longest_name = ""

    def install(self) -> None:
        """Measure every callback from now on; a few hundred nanoseconds each."""
        original: Callable[[events.Handle], None] = events.Handle._run  # noqa: SLF001 - there is no other place where callbacks pass

        def run(handle: events.Handle) -> None:
            started = thread_time()
            original(handle)
            spent = thread_time() - started
            if spent > self.longest:
                self.longest = spent
                self.longest_name = _name(handle)

        events.Handle._run = run  # type: ignore[method-assign,assignment] # noqa: SLF001 - see above

    def reset(self) -> None:
        """Forget what was the longest."""
        self.longest = 0.0
        self.longest_name = ""


def _name(handle: events.Handle) -> str:
    callback: Any = handle._callback  # type: ignore[attr-defined] # noqa: SLF001 - see above
    if callback is None:
        return "cancelled"
    owner = getattr(callback, "__self__", None)
    if owner is not None and hasattr(owner, "get_coro"):
        return f"task {owner.get_name()}"
    return str(getattr(callback, "__qualname__", callback))
