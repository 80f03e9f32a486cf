"""The integration's own config flow, answered over HTTP as a person would."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from .client import POLL_SECONDS, HomeAssistantClient
from .processes import DemoError
from .registry import DOMAIN

FLOWS: Final = "/api/config/config_entries/flow"
STEPS_AT_MOST: Final = 20


async def set_up(
    client: HomeAssistantClient,
    *,
    choices: Mapping[str, str],
    answers: Mapping[str, Any],
) -> str:
    """Add the integration and return the title of its entry.

    choices: what to choose in a menu, by the menu's step.
    answers: what to fill into a field, by the field's name; other fields keep what
        the form suggests.
    """
    step = await client.post(FLOWS, {"handler": DOMAIN})
    for _ in range(STEPS_AT_MOST):
        match step["type"]:
            case "create_entry":
                return str(step["title"])
            case "menu":
                body: dict[str, Any] = {"next_step_id": _choice(step, choices)}
            case "form" if not step["errors"]:
                body = filled(step["data_schema"], answers)
            case "progress" | "progress_done":
                await asyncio.sleep(POLL_SECONDS)
                step = await client.get(f"{FLOWS}/{step['flow_id']}")
                continue
            case _:
                raise DemoError(f"the integration cannot be set up: {_reason(step)}")
        step = await client.post(f"{FLOWS}/{step['flow_id']}", body)
    raise DemoError("the integration's set-up does not come to an end")


def filled(schema: list[dict[str, Any]], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers to a form, sections included."""
    body: dict[str, Any] = {}
    for field in schema:
        name = field["name"]
        if field.get("type") == "expandable":
            body[name] = filled(field["schema"], answers)
        elif name in answers:
            body[name] = answers[name]
        elif (value := _suggested(field)) is not None:
            body[name] = value
    return body


def _suggested(field: Mapping[str, Any]) -> Any:
    description = field.get("description") or {}
    return description.get("suggested_value", field.get("default"))


def _choice(step: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    choice = choices.get(step["step_id"])
    if choice is None or choice not in step["menu_options"]:
        offered = ", ".join(step["menu_options"])
        raise DemoError(f"the menu {step['step_id']} offers only: {offered}")
    return choice


def _reason(step: Mapping[str, Any]) -> str:
    where = step.get("step_id") or step["type"]
    return f"{where}: {step.get('errors') or step.get('reason')}"
