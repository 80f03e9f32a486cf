"""What the entity tables of a cluster share."""

from typing import Any, Final

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfInformation

from ...entity import HomelabSensorDescription
from ...rows import COMMAND, ON_REQUEST

# Whatever takes a machine away from those who use it.
POWER_ON_REQUEST: Final[dict[str, Any]] = {**COMMAND, "cuts_power": True}
POWER: Final[dict[str, Any]] = {
    "entity_category": EntityCategory.CONFIG,
    "cuts_power": True,
}


def share(used: int | None, total: int | None) -> float | None:
    """Return how much of `total` is used, in percent."""
    if used is None or not total:
        return None
    return round(100 * used / total, 1)


def percent_row(*, decimals: int = 1, **row: Any) -> HomelabSensorDescription:
    """Return a row for a share in percent."""
    return HomelabSensorDescription(
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=decimals,
        **row,
    )


def size_row(
    *, state_class: SensorStateClass = SensorStateClass.MEASUREMENT, **row: Any
) -> HomelabSensorDescription:
    """Return a row on request for a size in bytes, shown in GiB."""
    return HomelabSensorDescription(
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.GIBIBYTES,
        suggested_display_precision=2,
        state_class=state_class,
        **ON_REQUEST,
        **row,
    )
