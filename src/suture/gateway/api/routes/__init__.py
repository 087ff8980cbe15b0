"""The routes, a file a resource."""

from suture.gateway.api.routes import appointments, events, invoices, patients, subscriptions, validations

ROUTERS = (
    patients.router,
    appointments.router,
    invoices.router,
    validations.router,
    events.router,
    subscriptions.router,
)
