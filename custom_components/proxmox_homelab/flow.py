"""What the config flows of all kinds share: forms, and what they say when it fails."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
import logging
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
import probatio

from .errors import AuthenticationError, CertificateError, HomelabError

_LOGGER = logging.getLogger(__name__)

EMPTY: Final = probatio.Schema({})

type Sentences = Mapping[type[HomelabError], str]
"""The keys of a kind's sentences about the errors of its client.

The first class that fits decides, so subclasses stand before their bases.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The errors of a form by field, and what their sentences need.

    certificate: the other side presents another certificate than the confirmed one.
    credentials: the address is right and the credentials are not.
    """

    errors: dict[str, str]
    placeholders: Mapping[str, str] = field(default_factory=dict)
    certificate: bool = False
    credentials: bool = False


NO_PROBLEM: Final = Problem(errors={})


def explain(err: HomelabError, sentences: Sentences) -> Problem:
    """Return what to tell about an error of a client."""
    key = next(
        (key for kind, key in sentences.items() if isinstance(err, kind)), "unknown"
    )
    errors = {"base": key}
    return Problem(
        errors=errors,
        placeholders=err.placeholders,
        certificate=isinstance(err, CertificateError),
        credentials=isinstance(err, AuthenticationError),
    )


async def attempt[T](work: Awaitable[T], sentences: Sentences) -> T | Problem:
    """Return what `work` returns, or what to tell when it fails."""
    try:
        return await work
    except HomelabError as err:
        _LOGGER.debug("The flow goes on after an error: %s", err)
        return explain(err, sentences)
    except Exception:
        _LOGGER.exception("Unexpected error in the flow")
        return Problem(errors={"base": "unknown"})


class HomelabSteps(ConfigFlow):
    """What the steps of each kind build on; `_data` becomes the data of the entry."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._data: dict[str, Any] = {}

    @property
    def _entry(self) -> ConfigEntry[Any]:
        """The entry that the flow is about, when it is not the first set-up."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        return self._get_reconfigure_entry()

    def _show(
        self,
        step_id: str,
        schema: probatio.Schema,
        problem: Problem = NO_PROBLEM,
        suggested: Mapping[str, Any] | None = None,
        placeholders: Mapping[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show a form with what was typed, but never a secret."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=problem.errors,
            description_placeholders={
                **(placeholders or {}),
                **problem.placeholders,
            },
        )
