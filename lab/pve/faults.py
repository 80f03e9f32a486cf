"""What can go wrong with the simulated cluster, switched on and off while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from lab.pve.access import AccessControl

NODE_TIMEOUT = 30.0
"""Seconds after which the real pveproxy gives up on another node (proxy_request)."""

HTML_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
    "<body><h1>Please sign in</h1></body></html>\n"
)
"""What a proxy or a captive portal in the way answers, with status 200."""

type NodeListener = Callable[[str, bool], None]


@dataclass(slots=True, kw_only=True)
class Rule:
    """Something that happens to the requests whose method and path fit.

    `path` is a pattern in which ``*`` also spans slashes, without ``/api2/json``.
    `times` limits how often it happens.
    """

    kind: Literal["fail", "cut", "html", "delay"]
    path: str
    method: str = "*"
    status: int = 500
    reason: str = ""
    errors: Mapping[str, str] | None = None
    body: str | None = None
    seconds: float = 0.0
    times: int | None = None

    def takes(self, method: str, path: str) -> bool:
        """Whether the rule applies to this request; counts it if so."""
        if self.times == 0 or not (
            fnmatchcase(method, self.method) and fnmatchcase(path, self.path)
        ):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _StorageHang:
    seconds: float
    node: str | None


@dataclass(kw_only=True)
class Faults:
    """The switches.

    Whoever must act at once when a node dies or comes back (the open ports, the state
    of the cluster) registers in `node_listeners`: called with the name and whether it
    lives.
    """

    access: AccessControl
    latency: float = 0.0
    """Seconds that every answer comes later."""
    node_listeners: list[NodeListener] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    hanging: dict[str, float] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    _storages: dict[str, _StorageHang] = field(default_factory=dict)

    def node_dead(self, node: str) -> None:
        """Cut a node off: it refuses connections, the others answer 595 for it."""
        if node not in self.dead:
            self.dead.add(node)
            self._tell(node, alive=False)

    def node_alive(self, node: str) -> None:
        """Bring a dead or hanging node back."""
        self.hanging.pop(node, None)
        if node in self.dead:
            self.dead.remove(node)
            self._tell(node, alive=True)

    def node_hangs(self, node: str, seconds: float = NODE_TIMEOUT) -> None:
        """Let a node accept and never answer.

        After these seconds it hangs up, and other nodes answer 596 for it.
        """
        self.hanging[node] = seconds

    def storage_hangs(
        self, storage: str, seconds: float = NODE_TIMEOUT, *, node: str | None = None
    ) -> None:
        """Let calls that touch a storage (on one node or all) take longer."""
        self._storages[storage] = _StorageHang(seconds=seconds, node=node)

    def storage_answers(self, storage: str) -> None:
        """Bring a hanging storage back."""
        self._storages.pop(storage, None)

    def storage_delay(self, storage: str | None, node: str | None) -> float:
        """Seconds that a call for a storage takes longer.

        Without a storage: for a call that touches all of them.
        """
        hangs = (
            self._storages.items()
            if storage is None
            else [(storage, self._storages.get(storage))]
        )
        fitting = (
            hang.seconds
            for _, hang in hangs
            if hang is not None and hang.node in (None, node)
        )
        return max(fitting, default=0.0)

    def fail(
        self,
        method: str,
        path: str,
        status: int,
        reason: str,
        *,
        errors: Mapping[str, str] | None = None,
        body: str | None = None,
        times: int | None = None,
    ) -> Rule:
        """Answer with an error; `body` replaces the JSON (a proxy's page, say)."""
        return self._add(
            Rule(
                kind="fail",
                path=path,
                method=method,
                status=status,
                reason=reason,
                errors=errors,
                body=body,
                times=times,
            )
        )

    def cut(self, path: str, *, method: str = "*", times: int | None = None) -> Rule:
        """Cut the connection in the middle of the answer."""
        return self._add(Rule(kind="cut", path=path, method=method, times=times))

    def html(self, path: str, *, method: str = "*", times: int | None = None) -> Rule:
        """Answer with status 200 and a page instead of JSON."""
        return self._add(
            Rule(kind="html", path=path, method=method, body=HTML_PAGE, times=times)
        )

    def delay(
        self, path: str, seconds: float, *, method: str = "*", times: int | None = None
    ) -> Rule:
        """Answer fitting requests later."""
        return self._add(
            Rule(kind="delay", path=path, method=method, seconds=seconds, times=times)
        )

    def remove(self, rule: Rule) -> None:
        """Take back one rule."""
        self.rules.remove(rule)

    def revoke_token(self, token: str) -> None:
        """Delete a token, given as ``user@realm!id`` with or without its secret."""
        userid, _, tokenid = token.partition("=")[0].partition("!")
        self.access.delete_token(userid, tokenid)

    def clear(self) -> None:
        """Take back everything but revoked tokens."""
        self.latency = 0.0
        self.rules.clear()
        self._storages.clear()
        self.hanging.clear()
        for node in list(self.dead):
            self.node_alive(node)

    def take(self, method: str, path: str) -> list[Rule]:
        """What happens to a request: delays, then at most one rule that answers."""
        found: list[Rule] = []
        for rule in self.rules:
            if rule.takes(method, path):
                found.append(rule)
                if rule.kind != "delay":
                    break
        return found

    def _add(self, rule: Rule) -> Rule:
        self.rules.append(rule)
        return rule

    def _tell(self, node: str, *, alive: bool) -> None:
        for listener in self.node_listeners:
            listener(node, alive)
