"""Every route of the control plane."""

from litestar.types import ControllerRouterHandler

from podium.build.datasets import api as datasets
from podium.build.runs import api as runs
from podium.deploy.endpoints import api as endpoints
from podium.deploy.releases import api as releases
from podium.jobs import api as jobs
from podium.manage.access import api as access
from podium.manage.approvals import api as approvals
from podium.manage.audit import api as audit
from podium.manage.lineage import api as lineage
from podium.manage.policies import api as policies
from podium.manage.registry import api as registry
from podium.monitor.alerts import api as alerts
from podium.monitor.checks import api as checks
from podium.monitor.delivery import api as delivery
from podium.monitor.drill import api as drill
from podium.monitor.intake import api as intake
from podium.monitor.mistakes import api as mistakes
from podium.monitor.reviews import api as reviews
from podium.monitor.triggers import api as triggers
from podium.monitor.value import api as value
from podium.server.web import pages

ALL: list[ControllerRouterHandler] = [
    *datasets.routes,
    *runs.routes,
    *registry.routes,
    *policies.routes,
    *approvals.routes,
    *access.routes,
    *lineage.routes,
    *audit.routes,
    *endpoints.routes,
    *releases.routes,
    *intake.routes,
    *reviews.routes,
    *checks.routes,
    *alerts.routes,
    *delivery.routes,
    *drill.routes,
    *triggers.routes,
    *value.routes,
    *mistakes.routes,
    *jobs.routes,
    *pages.routes,
]
