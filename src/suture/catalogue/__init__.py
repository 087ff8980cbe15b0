"""Governance as code: systems, interfaces, owners, code tables, system of record, limits, retention; typed YAML."""

from suture.catalogue.load import CatalogueError, CatalogueProblem, load, parse
from suture.catalogue.model import Catalogue, Interface, Service, System

__all__ = ["Catalogue", "CatalogueError", "CatalogueProblem", "Interface", "Service", "System", "load", "parse"]
