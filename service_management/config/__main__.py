"""`python -m service_management.config > services_config.schema.json`"""

from __future__ import annotations

import json

from .json_schema import schema

print(json.dumps(schema(), indent=2, ensure_ascii=False))
