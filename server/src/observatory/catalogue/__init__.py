"""The catalogue: the 65 services of the platform, its ten groups and the ten monitored areas.

    catalogue = load()
    catalogue.services                          65 services, in the catalogue's order
    catalogue.service("credit_ledger").area     "credits"

Source: `services.yaml` and `areas.yaml` beside this file.
"""

from observatory.catalogue.loader import decode, load
from observatory.catalogue.model import Area, Catalogue, CatalogueError, Group, Objective, Priority, Service

__all__ = ["Area", "Catalogue", "CatalogueError", "Group", "Objective", "Priority", "Service", "decode", "load"]
