"""services_config.json: parsed once, at the door, into frozen models."""
