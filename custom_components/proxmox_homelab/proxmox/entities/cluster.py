"""The entities of the cluster as a whole: its hub device."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import EntityCategory, UnitOfTime

from ...entity import HomelabBinarySensorDescription, HomelabSensorDescription
from ...rows import ON_REQUEST
from .. import keys
from ..backups import BackupPosture
from ..coordinator import Section
from .common import percent_row

if TYPE_CHECKING:
    from ..source import ProxmoxSource


def _is_cluster(source: ProxmoxSource, key: str) -> bool:
    return source.is_cluster


def _backup_attributes(posture: BackupPosture) -> Mapping[str, Any]:
    uncovered = posture.uncovered
    return {
        "stale": list(posture.stale),
        "never": list(posture.never),
        "in_no_job": None if uncovered is None else list(uncovered),
    }


SENSORS = (
    HomelabSensorDescription(
        key="vms_running",
        section=Section.RESOURCES,
        kind=keys.CLUSTER,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda cluster: cluster.vms_running,
        attributes_fn=lambda cluster: {"total": cluster.vms_total},
    ),
    HomelabSensorDescription(
        key="containers_running",
        section=Section.RESOURCES,
        kind=keys.CLUSTER,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda cluster: cluster.containers_running,
        attributes_fn=lambda cluster: {"total": cluster.containers_total},
    ),
    percent_row(
        key="cluster_cpu",
        section=Section.RESOURCES,
        kind=keys.CLUSTER,
        value_fn=lambda cluster: cluster.cpu_percent,
        **ON_REQUEST,
    ),
    percent_row(
        key="cluster_memory",
        section=Section.RESOURCES,
        kind=keys.CLUSTER,
        value_fn=lambda cluster: cluster.memory_percent,
        **ON_REQUEST,
    ),
    HomelabSensorDescription(
        key="response_time",
        section=Section.RESOURCES,
        kind=keys.CLUSTER,
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda cluster: cluster.response_ms,
        **ON_REQUEST,
    ),
)

BINARY_SENSORS = (
    HomelabBinarySensorDescription(
        key="backup_problem",
        section=Section.BACKUPS,
        kind=keys.CLUSTER,
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda posture: posture.is_problem,
        attributes_fn=_backup_attributes,
    ),
    HomelabBinarySensorDescription(
        key="quorum_problem",
        section=Section.CLUSTER,
        kind=keys.CLUSTER,
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: not status.quorate,
        exists_fn=_is_cluster,
    ),
)
