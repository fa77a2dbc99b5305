"""Charts drawn on the server as SVG: geometry here, shapes in ``components/column_chart.html``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 336
HEIGHT = 84
LABEL_HEIGHT = 16
PEAK_HEIGHT = 14


@dataclass(frozen=True, slots=True)
class Column:
    """One bar, in the units of the view box. ``label`` stands below it, ``title`` appears on pointing.

    ``peak`` is the amount, on the highest bar only.
    """

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    title: str
    peak: str
    is_negative: bool


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """``view_box`` and ``baseline`` frame the ``columns``; labels stand at ``label_y``, the peak at ``peak_y``."""

    view_box: str
    baseline: float
    width: int
    label_y: int
    peak_y: int
    columns: tuple[Column, ...]


def column_chart(
    by_hour: Sequence[int], show: Callable[[int], str], *, first: int = 8, last: int = 17
) -> ColumnChart:
    """Amounts by hour of the clock, from ``first`` to ``last`` and wider where there is something to show."""
    used = [hour for hour, amount in enumerate(by_hour) if amount]
    low, high = min([first, *used]), max([last, *used])
    highest = max([0, *by_hour])
    lowest = min([0, *by_hour])
    scale = HEIGHT / ((highest - lowest) or 1)
    baseline = round(highest * scale, 2)
    slot = WIDTH / (high - low + 1)
    step = 1 if high - low < 12 else 3
    columns = []
    for hour in range(low, high + 1):
        amount = by_hour[hour]
        height = round(abs(amount) * scale, 2)
        left = (hour - low) * slot
        columns.append(
            Column(
                x=round(left + slot * 0.15, 2),
                y=round(baseline - height, 2) if amount >= 0 else baseline,
                width=round(slot * 0.7, 2),
                height=height,
                middle=round(left + slot / 2, 2),
                label=f"{hour:02d}" if (hour - low) % step == 0 else "",
                title=f"{hour:02d}:00–{(hour + 1) % 24:02d}:00  {show(amount)}",
                peak=show(amount) if amount > 0 and hour == by_hour.index(highest) else "",
                is_negative=amount < 0,
            )
        )
    return ColumnChart(
        view_box=f"0 {-PEAK_HEIGHT} {WIDTH} {HEIGHT + LABEL_HEIGHT + PEAK_HEIGHT}",
        baseline=baseline,
        width=WIDTH,
        label_y=HEIGHT + LABEL_HEIGHT - 4,
        peak_y=-4,
        columns=tuple(columns),
    )
