"""Governance as code: systems, interfaces, owners, code tables, system of record, limits, retention; typed YAML."""

from suture.catalogue.load import CatalogueError, Problem, load, parse
from suture.catalogue.model import Catalogue, Interface, Service, System

__all__ = ["Catalogue", "CatalogueError", "Interface", "Problem", "Service", "System", "load", "parse"]
