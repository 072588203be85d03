"""services_config.json: parsed once into frozen models; everything else imports those."""

from .across import RESERVED_ROUTES
from .catalogue import Catalogue
from .config_problem import Problem
from .fields import MOST_CONNECTIONS, MOST_REPLICAS
from .json_schema import KEYS, Key, schema
from .keyfiles import file_rule, resolve_key
from .loader import load, parse
from .models import Service

__all__ = [
    "KEYS",
    "MOST_CONNECTIONS",
    "MOST_REPLICAS",
    "RESERVED_ROUTES",
    "Catalogue",
    "Key",
    "Problem",
    "Service",
    "file_rule",
    "load",
    "parse",
    "resolve_key",
    "schema",
]
