"""The web side of zwave-js-ui: whether it is well, and its version.

Its single-page application takes every request that would also accept HTML, so that
`Accept: */*` gets the page, with status 200, whatever the health is.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

PAGE = "<!DOCTYPE html><html><head><title>Z-Wave JS UI</title></head></html>"


class Ui:
    """Answers `/health`, `/health/zwave`, `/health/mqtt`, `/version` and the page.

    driver_ready: whether the driver has its stick.
    versions: what `/version` tells of driver and server.
    mqtt: whether its connection to the broker is there.
    built: a source checkout has no page, and answers 404 in its place.
    hung: requests are taken and not answered.
    """

    def __init__(
        self,
        driver_ready: Callable[[], bool],
        versions: Callable[[], tuple[str, str]],
    ) -> None:
        self.driver_ready = driver_ready
        self.versions = versions
        self.version = "11.22.2.cd01655"
        self.mqtt = True
        self.built = True
        self.hung = False
        self.accepts: list[str] = []

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        accept = request.headers.get("Accept", "*/*")
        self.accepts.append(accept)
        if self.hung:
            await asyncio.Event().wait()
        if "*/*" in accept or "text/html" in accept:
            if self.built:
                return web.Response(text=PAGE, content_type="text/html")
            return web.Response(text="Not Found", status=404)
        match request.path:
            case "/health":
                return _health(well=self.mqtt and self.driver_ready())
            case "/health/zwave":
                return _health(well=self.driver_ready())
            case "/health/mqtt":
                return _health(well=self.mqtt)
            case "/version":
                driver, server = self.versions()
                return web.json_response(
                    {
                        "appVersion": self.version,
                        "zwavejs": driver,
                        "zwavejsServer": server,
                    }
                )
            case "/api/auth-enabled":
                return web.json_response({"success": True, "data": False})
        return web.Response(text="Not Found", status=404)


def _health(*, well: bool) -> web.Response:
    return web.Response(text="Ok" if well else "Error", status=200 if well else 500)
