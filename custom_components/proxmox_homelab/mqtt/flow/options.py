"""What can be tuned about a broker: how often to check, and where to look."""

from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
import probatio

from ...const import CONF_BASE_TOPICS, CONF_CHECK_INTERVAL, DEFAULT_CHECK_INTERVAL
from ..protocol import is_topic

_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(
            CONF_CHECK_INTERVAL, default=DEFAULT_CHECK_INTERVAL
        ): probatio.All(
            NumberSelector(
                NumberSelectorConfig(
                    min=1,
                    max=120,
                    step=1,
                    unit_of_measurement="min",
                    mode=NumberSelectorMode.BOX,
                )
            ),
            probatio.Coerce(int),
        ),
        probatio.Optional(CONF_BASE_TOPICS): TextSelector(
            TextSelectorConfig(multiple=True)
        ),
    }
)


class MqttOptionsFlow(OptionsFlowWithReload):
    """The options of a broker."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show them on one page."""
        return await self.async_step_mqtt(user_input)

    async def async_step_mqtt(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change them."""
        errors: dict[str, str] = {}
        if user_input is not None:
            topics = [topic.strip() for topic in user_input.get(CONF_BASE_TOPICS, ())]
            if all(map(is_topic, topics)):
                return self.async_create_entry(
                    data={**user_input, CONF_BASE_TOPICS: topics}
                )
            errors[CONF_BASE_TOPICS] = "mqtt_topic_invalid"
        return self.async_show_form(
            step_id="mqtt",
            data_schema=self.add_suggested_values_to_schema(
                _SCHEMA, user_input or self.config_entry.options
            ),
            errors=errors,
        )
