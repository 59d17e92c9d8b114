"""Why each default is what it is, in words; beside the figures on their page."""

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "false discoveries": "False discoveries",
    "persistence": "`persistence` of `of_last`",
    "drift_rate": "False discoveries of drift",
    "other_rate": "False discoveries of each other measure",
    "effect": "Drift: share of rows that moved",
    "missing": "Missing values",
    "unseen": "New categories",
    "outside": "Out of range",
    "pattern": "Pattern",
    "apart": "Told apart",
}
NOT_SWEPT = frozenset({"fairness_gap", "label_selection", "skew", "performance", "loss", "explanation"})
"""How much is tolerated is for people to say (fairness, selection), or they need outcomes and rows of both sides."""
WHY: Mapping[tuple[str, str], str] = {
    ("monitor", "drift_psi"): """\
**Kept.** On flights nothing speaks against a lower limit: false alarms are as few, and where nothing ever moves
0.05 finds a quarter of a deviation always. What speaks against it are features that wander: where all do by a tenth
of a deviation, 0.05 alarms in two quiet windows of five, 0.1 in one of seventeen, 0.15 hardly and 0.2 never; and in
a year of flights it tells of a third more features. What 0.2 misses, `drift_moved = 0.05` finds in features that
stand still. Where all features wander by two tenths or more, no limit is quiet that still finds anything: compare
such traffic with its own weeks (`reference = "week"`).""",
    ("monitor", "score_psi"): """\
**Kept.** From 0.02 to 0.25 the figures on flights are the same, as what decides there is how far quiet weeks
differ; 0.5 finds less. Scores wander as features do, so the limit is theirs.""",
    ("monitor", "missing_rate"): """\
**Kept.** 0.05 finds more, on flights without a false alarm. But where shares of nulls wander by three points it
alarms in one of 24 quiet windows; 0.1 is the lowest that stays near one of a hundred. Where nulls are rare and
steady, write 0.05.""",
    ("monitor", "new_categories"): """\
**Changed from 0.05 to 0.01**, the floor of `podium check`: it finds a new word in one row of fifty in the first
window, where 0.05 never did, without a false alarm; in ten months of flights no week's carriers, airports or makers
came near it.""",
    ("monitor", "performance_drop"): """\
**Kept.** The limit decides nothing here: an alarm needs an interval that is worse as a whole, and how far quiet
weeks differ makes that the stronger condition. It is what people hold to be too small to be told where traffic is
large and even.""",
    ("monitor", "cost_rise"): """\
**Kept**, for the same reason; 0.5 begins to miss what the interval would allow.""",
    ("monitor", "out_of_range"): """\
**Kept**: one row of a hundred, as in `podium check`. Lower limits find one row of two hundred too, without a false
alarm here; but the range of training grows with its rows, and rare extremes come.""",
    ("monitor", "vanished"): """\
**Kept**: the highest limit that finds, in the first window, that a category of one row in twenty comes no more.""",
    ("monitor", "constant"): """\
**Kept**: it costs no false alarm. The feature that stands still is also found by its drift; this check says why.""",
    ("monitor", "contribution_moved"): """\
**Kept.** 0.03 finds a shift of a deviation by what the feature adds, but that shift is found by its drift already;
at 0.02 false alarms begin. What only this check tells (swapped columns: what matters is not what mattered) is found
by all.""",
    ("monitor", "false discoveries"): """\
**Kept at 1 %.** 0.1 % loses three of ten shifts in a feature that wanders; 5 % more than triples the false alarms,
and where nothing moves each step adds some at 100 rows.""",
    ("monitor", "persistence"): """\
**Kept at 1 of 1.** False alarms are a tenth of the budget already. Each further window costs every fault a week,
and about half of those in a feature that wanders. Where windows are short, or a drill shows more alarms, write 2 of
3.""",
    ("monitor", "min_rows"): """\
**Kept at 500.** Gross faults are found with 100 rows as well. But with 100 rows where nothing moves (the tables of
`drift_psi` and of false discoveries) two of 96 quiet windows alarm, and half a deviation is missed now and then;
with 500 rows no window of 96 does, and none is missed.""",
    ("check", "effect"): """\
**Kept**: the highest floor with which a quarter of a deviation is found always. Lower ones find no more at 1,000
rows, where chance decides.""",
    ("check", "missing"): """\
**Kept**: nulls in three rows of a hundred are found always. Lower floors find one of a hundred too, which is held
to be too little for an alarm that fails a build.""",
    ("check", "unseen"): """\
**Kept**: one row of fifty is found always; one of two hundred is held to be too little, as above.""",
    ("check", "outside"): """\
**Kept**: one row of fifty is found always; one of two hundred is held to be too little, as above.""",
    ("check", "pattern"): """\
**Kept**, though 0.05 would find two pairs of columns that come apart as well, and alarms no more often here: the
measure is one of all columns together, and real tables' patterns wander as their columns do.""",
    ("check", "apart"): """\
**Kept**: the highest floor that finds a tenth of a deviation in all numbers always.""",
    ("check", "drift_rate"): """\
**Kept**: lower and a little higher find the same here; 5 % breaks the bar. On [300 quiet tables of each kind and
size](benchmarks.md#the-monitor) it is the highest that keeps it.""",
    ("check", "other_rate"): """\
**Kept**: what moves by as much as the floors ask is found at any of these rates; higher ones only spend the budget
of false alarms.""",
    ("check", "min_rows"): """\
**Kept at 100**: with 50 rows more than half of the shifts of half a deviation are missed, with 100 a quarter.""",
}
