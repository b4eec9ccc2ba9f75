"""The library every floor stands on; each module has one subject."""
