"""The geometry of the column chart."""

from __future__ import annotations

from almoner.pages.charts import HEIGHT, WIDTH, column_chart


def hours(**amounts: int) -> list[int]:
    by_hour = [0] * 24
    for hour, amount in amounts.items():
        by_hour[int(hour[1:])] = amount
    return by_hour


def test_the_highest_bar_fills_the_height_and_says_its_amount() -> None:
    chart = column_chart(hours(h9=500, h10=1000), str)
    by_label = {column.label: column for column in chart.columns}
    assert (by_label["10"].height, by_label["10"].y, by_label["10"].peak) == (HEIGHT, 0, "1000")
    assert (by_label["09"].height, by_label["09"].peak) == (HEIGHT / 2, "")
    assert chart.baseline == HEIGHT


def test_a_refund_hangs_below_the_line() -> None:
    chart = column_chart(hours(h9=500, h10=-500), str)
    below = next(column for column in chart.columns if column.is_negative)
    assert below.y == chart.baseline == HEIGHT / 2
    assert below.y + below.height == HEIGHT


def test_the_axis_widens_for_the_night_and_stays_inside() -> None:
    chart = column_chart(hours(h2=100, h23=100), str)
    assert len(chart.columns) == 22
    assert chart.columns[-1].x + chart.columns[-1].width <= WIDTH
    assert sum(bool(column.label) for column in chart.columns) < 12


def test_an_empty_day_draws_flat_bars() -> None:
    chart = column_chart([0] * 24, str)
    assert {column.height for column in chart.columns} == {0}
