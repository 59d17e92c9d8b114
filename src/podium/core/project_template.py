"""The texts that a new project begins with."""

PROJECT = """\
# The project file: everything about this model that a person decides. `podium check` reads it and says what is wrong.

project = "{name}"
train = "train:fit"            # module:function, called with (features, target, context)
seed = 0                       # for every random choice in training

[model]                        # the entry in the inventory
name = "{name}"
purpose = "What the score says, in a sentence."
owner = "Who answers for it"
decision = "What is done when the score is at or above the threshold."
risk_tier = "low"              # low, medium or high
kpi = "The number of the business that this should move."
task = "binary"                # binary: the probability of target = 1; regression: a number; multiclass: see below
# classes = ["low", "mid", "high"]  # of a multiclass model: the target's values, at least three

[data]
source = "data.csv"            # csv, parquet, feather or jsonl: file, folder, glob or URL; or a database URL and query
key = "id"                     # identifies a row
time = "at"                    # when the row's features were known
target = "target"              # what is predicted; never a feature

[features]                     # what the model is given, by type; nothing else of the data reaches it
numeric = ["amount"]
integer = []
categorical = ["kind"]
boolean = []

[params]                       # handed to the training function as context.params
trees = 100

# [training]                   # it runs without network unless it says that it needs some
# network = true

[split]                        # which rows train, choose the threshold (validation) and measure (test)
by = "hash"                    # hash: by the key, or another column named here as key; time: the last rows are the test
validation = 0.15
test = 0.15

[metrics]
primary = "log_loss"           # decides between versions
report = ["auc", "log_loss", "brier"]
slices = []                    # columns by whose values the metrics are reported too

[costs]                        # of a decision; the threshold is chosen from them on the validation rows
false_positive = 1.0
false_negative = 4.0
unit = "cost"

# [baseline]                   # what would be done without a model; its value is measured against that
# feature = "amount"
# at_least = 50.0

# [review]                     # scores near the threshold go to a person; the band is chosen by what a look costs
# cost = 0.5

[[gates]]                      # what must hold of a version before anybody is asked to approve it
name = "ranks-well"
expression = "metrics.test.auc.value > 0.6"

[[gates]]
name = "answers-as-trained"
expression = "parity.max_abs_error <= 0.000001"

[[gates]]
name = "pays"
expression = "cost.model < cost.never && cost.model < cost.always"

[approvals]
required = ["validator", "owner"]
valid_for = "365d"

[bundle]                       # kinds of model that may become versions, besides onnx; python and r run code,
allow = ["treelite"]           # pmml brings in Java, external sends rows elsewhere: add them where that is wanted

[release]                      # where it serves, and how a new version gets there
endpoint = "{name}"
environment = "production"
require = "better"             # or not-worse

[release.shadow]               # a challenger first only listens
min_duration = "7d"
min_rows = 1000

[release.canary]               # then it decides for a share
weight = 0.2
min_duration = "7d"

[monitor]                      # limits; 0 switches a check off
window = "7d"
drift_psi = 0.2
out_of_range = 0.01            # finds a feature that comes in another unit
vanished = 0.05                # finds categories that come no more
constant = true                # finds features that stand still
contribution_moved = 0.05      # finds features that matter more or less for the scores than in training
performance_drop = 0.05
cost_rise = 0.25

[[triggers]]                   # what starts a retraining
on = "alert"                   # alert, schedule (with cron) or new_data (with rows)
kinds = ["performance", "cost"]
cool_down = "14d"
"""

MODULE = '''\
"""Trains the model. Podium calls `fit` with the rows of the training part only."""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from skl2onnx.sklapi import CastTransformer


def fit(features, target, context):
    """A fitted scikit-learn pipeline. `features`: a pandas DataFrame; `target`: a numpy array of 0 and 1."""
    numeric = [name for name in features.columns if features[name].dtype.kind in "fiub"]
    text = [name for name in features.columns if name not in numeric]
    prepare = ColumnTransformer(
        [
            ("numbers", SimpleImputer(strategy="median"), numeric),
            ("categories", OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False), text),
        ]
    )
    trees = HistGradientBoostingClassifier(max_iter=context.params["trees"], random_state=context.seed)
    # The cast stands between preparation (in double) and trees, so that the exported form answers the same.
    return Pipeline([("prepare", prepare), ("cast", CastTransformer()), ("trees", trees)]).fit(features, target)
'''
