"""Curves as inline SVG: few points, no script, no style sheet of others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH, _HEIGHT = 420, 200
_HEAD = 28
"""Above each chart of a sheet, for its title and legend."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 10, 10, 34
_INKS: Final = ("#1f5aa6", "#c2410c", "#15803d", "#7e22ce")


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line through (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(title: str, x_name: str, curves: Sequence[Curve]) -> str:
    """A figure with axes from 0, a legend, and a text for those who cannot see it."""
    label = escape(title, quote=True)
    legend = " ".join(
        f'<span style="color:{ink}">{escape(curve.name)}</span>'
        for ink, curve in zip(_INKS, curves, strict=False)
    )
    return (
        f"<figure><figcaption><b>{escape(title)}</b> {legend}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(_drawn(x_name, curves))}</svg></figure>"
    )


def sheet(charts: Sequence[tuple[str, str, Sequence[Curve]]]) -> str:
    """A file of SVG with charts two in a row, each with its title, name of x, and curves."""
    rows = -(-len(charts) // 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * _WIDTH}" '
        f'height="{rows * (_HEIGHT + _HEAD)}" font-family="sans-serif" font-size="11" fill="#555">',
        "<style>.grid{stroke:#ddd}</style>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (title, x_name, curves) in enumerate(charts):
        x, y = number % 2 * _WIDTH, number // 2 * (_HEIGHT + _HEAD)
        legend = "".join(
            f'<tspan dx="8" fill="{ink}">{escape(curve.name)}</tspan>'
            for ink, curve in zip(_INKS, curves, strict=False)
        )
        parts += [
            f'<g transform="translate({x},{y})">',
            f'<text x="{_LEFT}" y="18" font-size="13"><tspan fill="#222">{escape(title)}</tspan>'
            f"{legend}</text>",
            f'<g transform="translate(0,{_HEAD})">{"".join(_drawn(x_name, curves))}</g></g>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _drawn(x_name: str, curves: Sequence[Curve]) -> list[str]:
    """Axes and curves, as elements of SVG."""
    points = [point for curve in curves for point in curve.points]
    x_top = _round_up(max((x for x, _ in points), default=1.0))
    y_top = _round_up(max((y for _, y in points), default=1.0))

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + x / x_top * (_WIDTH - _LEFT - _RIGHT)
        return across, _HEIGHT - _BOTTOM - y / y_top * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for share in (0.0, 0.5, 1.0):
        x, y = place(share * x_top, share * y_top)
        parts += [
            f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * y_top:g}</text>',
            f'<text x="{x:.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{share * x_top:g}</text>',
        ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x_name)}</text>'
    )
    for ink, curve in zip(_INKS, curves, strict=False):
        placed = [place(x, y) for x, y in curve.points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline fill="none" stroke="{ink}" stroke-width="2" points="{line}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{ink}"/>' for x, y in placed]
    return parts


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 5, 10) if power * step >= value)
