"""What the benchmark of explanations makes of its pairs."""

from benches import explain


def test_it_is_asked_with_one_some_and_many_connections() -> None:
    assert explain.CONNECTIONS == (1, 8, 64)


def test_the_median_of_pairs_counts_and_one_bad_pair_does_not() -> None:
    found = explain.judged([110.0, 1000.0, 105.0, 100.0, 90.0], [100.0, 100.0, 100.0, 100.0, 100.0])
    assert found["p99_with_over_without"] == 1.05
    assert found["middle_half"] == [1.0, 1.1]
    assert found["p99_us"] == {"with": 105.0, "without": 100.0}
    assert found["holds"] is True
    assert explain.judged([130.0], [100.0])["holds"] is False


def test_the_table_has_both_ways_and_the_middle_half() -> None:
    row = explain.judged([1300.0], [1000.0]) | {"explained_rows_per_s": 950.0}
    table = explain.table({"c64": row})
    assert table.rows == [("64", "1", "1.3", "1.3", "1.3 to 1.3", "950", "miss")]
    assert len(table.columns) == len(table.rows[0])
