"""The pages, a room each: they ask `views` and render the answers. What changes anything is in `actions`."""

from suture.console.pages import (
    account,
    actions,
    audit,
    close,
    exceptions,
    exports,
    interfaces,
    journeys,
    mappings,
    people,
    processes,
    reconciliation,
    runbooks,
    search,
    signing,
    today,
)
from suture.console.pages.page import Page

PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *journeys.PAGES,
    *search.PAGES,
    *exceptions.PAGES,
    *reconciliation.PAGES,
    *close.PAGES,
    *processes.PAGES,
    *interfaces.PAGES,
    *mappings.PAGES,
    *audit.PAGES,
    *people.PAGES,
    *account.PAGES,
    *signing.PAGES,
    *runbooks.PAGES,
    *exports.PAGES,
    *actions.PAGES,
)
