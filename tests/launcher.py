"""Runs pytest on a Home Assistant that is newer than its test package.

Home Assistant 2026.11 wants to be imported before `httpx`, which a plugin of the
test package imports early, and it has moved one name that the test package still
looks for in the old place. A plugin or a conftest would come too late for both.

    .venv-next/bin/python tests/launcher.py [what pytest takes]
"""

from pathlib import Path
import sys

import homeassistant.components.logger as logger_component
from homeassistant.components.logger import helpers
import pytest


def main() -> int:
    """Mend what the test package misses and hand over to pytest."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    vars(logger_component).setdefault(
        "_clear_logger_overwrites", vars(helpers).get("_clear_logger_overwrites")
    )
    return pytest.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
