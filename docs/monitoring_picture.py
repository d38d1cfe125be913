"""Draws docs/monitoring/overview.png: the overview dashboard, from a Prometheus' own data.

With training's environment, which has matplotlib:

    training/.venv/bin/python docs/monitoring_picture.py http://127.0.0.1:9090 --minutes 10
"""

import argparse
import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import matplotlib as mpl

mpl.use("agg")

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
DASHBOARD = ROOT / "deploy" / "monitoring" / "grafana" / "dashboards" / "overview.json"
PICTURE = ROOT / "docs" / "monitoring" / "overview.png"
GRID = 24
ROW_INCHES = 0.38

Series = list[tuple[str, list[float], list[float]]]


def ask(address: str, target: dict[str, Any], minutes: float) -> Iterator[tuple[str, Any]]:
    """Legend and points of each series that a panel's query answers with."""
    query = target["expr"].replace("$namespace", ".*").replace("$__rate_interval", "1m")
    now = time.time()
    asked = urlencode({"query": query, "start": now - 60 * minutes, "end": now, "step": "5"})
    with urlopen(f"{address}/api/v1/query_range?{asked}", timeout=30) as answer:  # noqa: S310
        found = json.load(answer)["data"]["result"]
    for one in found:
        legend = target["legendFormat"]
        for name in re.findall(r"{{(\w+)}}", legend):
            legend = legend.replace("{{" + name + "}}", one["metric"].get(name, ""))
        yield legend, one["values"]


def series_of(address: str, panel: dict[str, Any], minutes: float) -> Series:
    """All series of a panel: legend, days (for matplotlib), values."""
    return [
        (legend, [mdates.date2num(mdates.num2date(at / 86400)) for at, _ in points],
         [float(value) for _, value in points])
        for target in panel["targets"]
        for legend, points in ask(address, target, minutes)
    ]  # fmt: skip


def shown(value: float, unit: str) -> str:
    """A single figure as a panel shows it."""
    if math.isnan(value):
        return "no data"
    match unit:
        case "percentunit":
            return f"{value:.1%}"
        case "s":
            return f"{value / 60:.0f} min" if value >= 60 else f"{value:.1f} s"
    return f"{value:,.0f}"


def draw_figure(axes: Axes, found: Series, unit: str) -> None:
    """A stat panel: its last value."""
    value = found[0][2][-1] if found else math.nan
    axes.axis("off")
    axes.text(0.5, 0.4, shown(value, unit), ha="center", va="center", fontsize=18)


def draw_lines(axes: Axes, panel: dict[str, Any], found: Series) -> None:
    """A time series panel; stacked where it says so."""
    defaults = panel["fieldConfig"]["defaults"]
    times = sorted({at for _, days, _ in found for at in days})
    if "stacking" in defaults.get("custom", {}) and found:
        rows = [[dict(zip(days, values, strict=True)).get(at, 0.0) for at in times]
                for _, days, values in found]  # fmt: skip
        axes.stackplot(times, rows, labels=[legend for legend, _, _ in found], alpha=0.7)
    else:
        for legend, days, values in found:
            axes.plot(days, values, label=legend, linewidth=1.2)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=3, maxticks=7))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.2)
    if found:
        axes.legend(fontsize=6, loc="upper left", ncols=2, framealpha=0.6)


def main() -> None:
    """Ask, draw, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prometheus", help="its address, http://HOST:PORT")
    parser.add_argument("--minutes", type=float, default=10.0, help="how far back; default: 10")
    options = parser.parse_args()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = plt.figure(figsize=(13, height * ROW_INCHES))
    for panel in panels:
        place = panel["gridPos"]
        axes = figure.add_axes(
            (
                place["x"] / GRID + 0.04,
                1 - (place["y"] + place["h"] - 0.9) / height,
                place["w"] / GRID - 0.055,
                (place["h"] - 2.0) / height,
            )
        )
        axes.set_title(panel["title"], fontsize=9, loc="left")
        found = series_of(options.prometheus, panel, options.minutes)
        if panel["type"] == "stat":
            draw_figure(axes, found, panel["fieldConfig"]["defaults"]["unit"])
        else:
            draw_lines(axes, panel, found)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=90)
    print(f"{PICTURE.relative_to(ROOT)} is drawn")


if __name__ == "__main__":
    main()
