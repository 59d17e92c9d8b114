"""Every page of the control plane."""

from litestar.types import ControllerRouterHandler

from podium.server.web import (
    activity,
    alerts,
    data,
    endpoints,
    login,
    mistakes,
    models,
    overview,
    projects,
    reviews,
    runs,
    static,
    versions,
    windows,
)

routes: list[ControllerRouterHandler] = [
    static.static_file,
    login.login,
    login.sign_in,
    login.sign_out,
    projects.projects,
    overview.overview,
    models.models,
    models.model,
    versions.version,
    versions.validate,
    versions.approve,
    endpoints.endpoint,
    windows.window,
    mistakes.mistakes,
    alerts.alerts,
    alerts.one_alert,
    alerts.answer_alert,
    reviews.reviews,
    reviews.one_review,
    reviews.decide_review,
    activity.activity,
    runs.runs,
    runs.one_run,
    data.data,
]
