"""Home Assistant's own HTTP and websocket interfaces, as its web page uses them."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from .processes import DemoError

POLL_SECONDS = 0.5


class HomeAssistantClient:
    """Speaks with one Home Assistant as one user."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Remember the address; nothing is sent yet."""
        self.url = url
        self._session = session
        self._headers: dict[str, str] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._last_id = 0

    async def answers(self) -> bool:
        """Say whether the web server is there."""
        try:
            async with self._session.get(f"{self.url}/manifest.json") as answer:
                return answer.status == HTTPStatus.OK
        except aiohttp.ClientError, TimeoutError:
            return False

    async def onboard(self, *, user: str, password: str) -> None:
        """Create the first user, unless there is one already."""
        async with self._session.get(f"{self.url}/api/onboarding") as answer:
            # Once everybody is on board, this address is gone.
            steps = await answer.json() if answer.status == HTTPStatus.OK else []
        if not any(step["step"] == "user" and not step["done"] for step in steps):
            return
        await self.post(
            "/api/onboarding/users",
            {
                "client_id": self._client_id,
                "name": user.capitalize(),
                "username": user,
                "password": password,
                "language": "en",
            },
        )

    async def log_in(self, *, user: str, password: str) -> None:
        """Sign in and open the websocket."""
        flow = await self.post(
            "/auth/login_flow",
            {
                "client_id": self._client_id,
                "redirect_uri": self._client_id,
                "handler": ["homeassistant", None],
            },
        )
        result = await self.post(
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": self._client_id, "username": user, "password": password},
        )
        if result.get("type") != "create_entry":
            raise DemoError(f"Home Assistant refuses {user}'s password: --fresh helps")
        form = {
            "grant_type": "authorization_code",
            "code": result["result"],
            "client_id": self._client_id,
        }
        async with self._session.post(f"{self.url}/auth/token", data=form) as answer:
            token = (await answer.json())["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        await self._open_socket(token)

    async def get(self, path: str) -> Any:
        """Return what a GET request delivers."""
        return await self._request("GET", path)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what a POST request delivers."""
        return await self._request("POST", path, body)

    async def delete(self, path: str) -> Any:
        """Return what a DELETE request delivers."""
        return await self._request("DELETE", path)

    async def command(self, type_: str, **fields: Any) -> Any:
        """Return the result of a websocket command; one at a time."""
        if self._socket is None:
            raise DemoError("not signed in to Home Assistant")
        self._last_id += 1
        await self._socket.send_json({"id": self._last_id, "type": type_, **fields})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == self._last_id and message["type"] == "result":
                break
        if not message["success"]:
            raise DemoError(f"{type_}: {message['error']['message']}")
        return message["result"]

    async def wait_until_started(self) -> None:
        """Wait until every integration is set up."""
        while (await self.command("get_config"))["state"] != "RUNNING":
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """Close the websocket."""
        if self._socket is not None:
            await self._socket.close()

    @property
    def _client_id(self) -> str:
        return f"{self.url}/"

    async def _open_socket(self, token: str) -> None:
        self._socket = await self._session.ws_connect(
            f"{self.url}/api/websocket", max_msg_size=0
        )
        await self._socket.receive_json()
        await self._socket.send_json({"type": "auth", "access_token": token})
        answer = await self._socket.receive_json()
        if answer["type"] != "auth_ok":
            raise DemoError(f"Home Assistant's websocket refuses: {answer}")

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        async with self._session.request(
            method, f"{self.url}{path}", json=body, headers=self._headers
        ) as answer:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                text = await answer.text()
                raise DemoError(f"{method} {path}: {answer.status} {text[:500]}")
            return await answer.json()
