"""A project with something on every page: a champion, a challenger, windows with checks, an alert, a scorer."""

from collections.abc import Callable

from podium.core import access, alert, check, drill, endpoint, run, value, version, window
from podium.deploy.endpoints import store as endpoints
from podium.monitor.alerts import store as alerts
from podium.monitor.checks import kept_measures
from podium.monitor.checks import store as checks
from podium.monitor.drill import store as drills
from podium.monitor.value import store as values
from podium.store.store import Store
from tests import cycle

CallerOf = Callable[..., access.Caller]
DAY_US = 86_400_000_000
START_US = 1_362_096_000_000_000  # 2013-03-01


def fill(store: Store, caller: CallerOf) -> version.Version:
    """Version 1 decides, version 2 listens; two windows closed, the last with a broken check and its alert."""
    cycle.begin(store, caller)
    cycle.make_version(store, caller, -1.0)
    cycle.approve(store, caller, 1)
    made = cycle.make_version(store, caller, -1.1)
    with store.plumbing() as connection:
        for number, value in ((1, 0.05), (2, 0.456)):
            end_us = START_US + number * 7 * DAY_US
            span = window.Window(end_us - 7 * DAY_US, end_us)
            found = [
                one_check(f"c{number}-hour", span, "hour", value),
                one_check(f"c{number}-distance", span, "distance", 0.0123),
            ]
            checks.add_checks(connection, found)
            checks.add_window(
                connection,
                check.ClosedWindow(
                    id=f"w{number}",
                    project="flights",
                    endpoint="late",
                    model="delay",
                    version=1,
                    start_us=span.start_us,
                    end_us=end_us,
                    closed_us=end_us,
                    rows=1234,
                    matured=1000,
                    checks=2,
                    broken=number - 1,
                ),
            )
        kept_measures.keep(connection, "flights", measured(span))
        for number, total in ((1, 40.0), (2, -310.0)):
            end_us = START_US + number * 7 * DAY_US
            values.keep(connection, "flights", worth(window.Window(end_us - 7 * DAY_US, end_us), total))
        alerts.add(
            connection,
            alert.Alert(
                id="alert-1",
                project="flights",
                endpoint="late",
                version=1,
                kind="drift",
                state=alert.AlertState.OPEN,
                message="Features moved away from those of training.",
                causes=("c2-hour",),
                opened_us=START_US,
                updated_us=START_US,
            ),
        )
        endpoints.report(
            connection, "flights", endpoint.Scorer(name="scorer-1", at_us=START_US, status={"rollouts": {"late": 2}})
        )
    return made


def measured(span: window.Window) -> check.WindowMeasures:
    """The features of a window, one of them from a reference of ten bins."""
    moved = {"psi": 0.456, "ks": 0.321, "wasserstein": 0.777, "missing_before": 0.01, "missing_now": 0.02}
    moved |= {"contribution_share_before": 0.25, "contribution_share_now": 0.625}
    return check.WindowMeasures(
        endpoint="late",
        version=1,
        window=span,
        columns=(
            check.Measured(
                column="distance", kind="numeric", rows=1200, measures={"psi": 0.0123}, lacking="It keeps ten bins."
            ),
            check.Measured(
                column="hour", kind="numeric", rows=1234, measures=moved, said="another unit? <ten> times larger"
            ),
            check.Measured(column=None, kind="numeric", rows=1234, measures={"psi": 0.01, "ks": 0.02}),
        ),
    )


def worth(span: window.Window, total: float) -> value.WindowValue:
    """A window's value: so much more than never acting, and than version 7 before; 1,000 of 1,234 rows are known."""

    def gain(over: value.Over, who: str, more: float, version: int | None = None) -> value.Gain:
        found = run.Interval(value=more / 1000, low=more / 1000 - 0.05, high=more / 1000 + 0.05, rows=1000)
        return value.Gain(over=over, who=who, version=version, per_decision=found, total=more)

    return value.WindowValue(
        endpoint="late",
        version=1,
        window=span,
        of=span,
        unit="euros",
        kpi="missed connections",
        rows=1000,
        waiting=234,
        per_decision=run.Interval(value=-0.8123, low=-0.9, high=-0.7, rows=1000),
        total=-812.3,
        expected=-0.7,
        gains=(
            gain(value.Over.NEVER, "never acting", total),
            gain(value.Over.BASELINE, "never acting", total),
            gain(value.Over.FORMER, "version 7, the champion before", 61.0, 7),
        ),
        groups="day",
    )


def one_check(identifier: str, span: window.Window, column: str, value: float) -> check.Check:
    return check.Check(
        id=identifier,
        project="flights",
        endpoint="late",
        version=1,
        window=span,
        kind=check.CheckKind.DRIFT,
        measure="psi",
        column=column,
        value=value,
        reference=0.0,
        limit=0.2,
        rows=1234,
        state=check.CheckState.BROKEN if value > 0.2 else check.CheckState.OK,
        weight=0.41 if column == "hour" else 0.3,
        said="mean 12.1 → 15.3" if column == "hour" else "mean 1,040 → 1,046",
    )


def rehearse(store: Store, *, version_number: int = 1, alarms: int = 3) -> drill.Drill:
    """A drill of the endpoint, as the job leaves it: drift of the hour is back-tested, that of the distance is not."""
    made = drill.Drill(
        id="drill-1",
        project="flights",
        endpoint="late",
        version=version_number,
        at_us=START_US + 15 * DAY_US,
        from_us=START_US,
        to_us=START_US + 14 * DAY_US,
        days=14,
        rows=17_000,
        rows_a_window=8_500,
        window="7d",
        seed=0,
        quiet_windows=160,
        false_alarms=alarms,
        false_alarms_per_month=alarms / 160 * 30 / 7,
        falsely_by=("hour psi",),
        faults=(
            drill.Faulted(
                fault="shift 1σ",
                what="hour is 1 standard deviations higher",
                runs=20,
                detected=20,
                delay=1.0,
                by=("hour psi",),
            ),
            drill.Faulted(
                fault="label flip",
                what="10% of the outcomes come inverted",
                runs=20,
                detected=11,
                delay=2.0,
                by=("log_loss",),
            ),
        ),
        monitors=(
            drill.Monitor(
                measure="psi",
                column="hour",
                false_alarms=alarms,
                false_alarms_per_month=alarms / 160 * 30 / 7,
                fault="1 standard deviation higher",
                runs=20,
                detected=17,
                delay=1.5,
            ),
        ),
    )
    with store.plumbing() as connection:
        drills.add(connection, made)
    return made
