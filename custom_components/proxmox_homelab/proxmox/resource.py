"""The addressing of proxmoxer over an asynchronous transport.

`api.nodes("pve1").qemu(103).status.current.get()` works as in proxmoxer; the verbs
are coroutines. Only `proxmoxer.core` is used: its backends block.
"""

from typing import Any, Protocol, Self, override

from proxmoxer.core import ProxmoxResource

from .paths import segment

type ParamValue = str | int | float | bool | list[str] | list[int] | None


class Sender(Protocol):
    """What a resource needs to be asked."""

    async def request(
        self,
        method: str,
        path: str,
        params: dict[str, ParamValue],
        *,
        timeout: float | None = None,
    ) -> Any:
        """Send and return `data` of the answer; raise errors of `errors.py`."""


# proxmoxer has no type hints, so its class is Any to the type checker.
class Resource(ProxmoxResource):  # type: ignore[misc]
    """A path of the API."""

    _store: dict[str, Any]

    def __init__(
        self, *, sender: Sender, base_url: str = "", timeout: float | None = None
    ) -> None:
        """Address `base_url`, a path below the root of the API."""
        super().__init__(sender=sender, base_url=base_url, timeout=timeout)

    @override
    def __repr__(self) -> str:
        return f"Resource({self._store['base_url']})"

    @override
    def __getattr__(self, item: str) -> Self:
        if item.startswith("_"):
            raise AttributeError(item)
        return self(item)

    @override
    def __call__(self, resource_id: object = None) -> Self:
        """Return what is addressed by `resource_id` below this.

        Text is split at slashes, as in proxmoxer; parts of a tuple are quoted whole.
        """
        if isinstance(resource_id, str):
            parts: tuple[object, ...] = tuple(resource_id.split("/"))
        elif isinstance(resource_id, tuple | list):
            parts = tuple(resource_id)
        else:
            parts = () if resource_id is None else (resource_id,)
        path = self.url_join(self._store["base_url"], *parts)
        return type(self)(**{**self._store, "base_url": path})

    @override
    def url_join(self, base: str, *args: object) -> str:
        return "/".join(filter(None, (base, *map(segment, args))))

    def within(self, seconds: float) -> Self:
        """Return the same resource, asked with another time-out than the usual."""
        return type(self)(**{**self._store, "timeout": seconds})

    @override
    async def _request(
        self,
        method: str,
        data: dict[str, ParamValue] | None = None,
        params: dict[str, ParamValue] | None = None,
    ) -> Any:
        sender: Sender = self._store["sender"]
        return await sender.request(
            method,
            self._store["base_url"],
            {**(params or {}), **(data or {})},
            timeout=self._store["timeout"],
        )

    @override
    async def get(self, *args: str | int, **params: ParamValue) -> Any:
        return await super().get(*args, **params)

    @override
    async def post(self, *args: str | int, **data: ParamValue) -> Any:
        return await super().post(*args, **data)

    @override
    async def put(self, *args: str | int, **data: ParamValue) -> Any:
        return await super().put(*args, **data)

    @override
    async def delete(self, *args: str | int, **params: ParamValue) -> Any:
        return await super().delete(*args, **params)
