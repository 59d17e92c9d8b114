"""Every module that declares tables, so that one import knows the whole schema."""

from podium.build.datasets import store as datasets
from podium.build.runs import store as runs
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import store as releases
from podium.jobs import store as jobs
from podium.manage.access import store as access
from podium.manage.approvals import store as approvals
from podium.manage.policies import store as policies
from podium.manage.registry import store as registry
from podium.monitor.alerts import store as alerts
from podium.monitor.checks import kept_measures
from podium.monitor.checks import store as checks
from podium.monitor.delivery import store as delivery
from podium.monitor.drill import store as drill
from podium.monitor.intake import store as intake
from podium.monitor.reviews import store as reviews
from podium.monitor.triggers import store as triggers
from podium.monitor.value import store as value
from podium.store import answers, events

ALL = (
    answers,
    events,
    jobs,
    datasets,
    runs,
    access,
    registry,
    policies,
    approvals,
    endpoints,
    releases,
    intake,
    reviews,
    checks,
    kept_measures,
    alerts,
    delivery,
    drill,
    triggers,
    value,
)
