"""Which of a ledger's promises are tried over which transport."""

import pytest

_BY_TRANSPORT_ALIKE = ("conformance.claims", "conformance.remittances", "conformance.reversals")
_ENOUGH = ("sim19-json2", "sim17-jsonrpc", "real")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a claim makes of the books is the same over any transport, which has its tests: it is tried on both
    versions, by one each."""
    kept, left = [], []
    for item in items:
        alike = getattr(item, "function", None) is not None and item.function.__module__.endswith(_BY_TRANSPORT_ALIKE)
        (left if alike and not any(target in item.name for target in _ENOUGH) else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept
