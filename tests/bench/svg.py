"""Small plots as SVG text: bars, and ranges of percentiles. Readable on light and on dark ground."""

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, LABELS, RIGHT = 860, 320, 110
ROW, BAR, GAP, TOP, BOTTOM = 26, 15, 14, 46, 30

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .group { font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .target { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 4 3 }
  .ours { fill: #0969da } .other { fill: #8c959f } .wrong { fill: #cf222e }
  .whisker { stroke: #24292f; stroke-width: 1.2 }
  .range { stroke-width: 5; stroke-linecap: round; opacity: .45 }
  .range.ours { stroke: #0969da } .range.other { stroke: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #3d444d } .whisker { stroke: #e6edf3 }
    .ours { fill: #4493f8 } .other { fill: #768390 } .range.ours { stroke: #4493f8 } .range.other { stroke: #768390 }
    .target { stroke: #f85149 } .wrong { fill: #f85149 }
  }
"""


@dataclass
class Bar:
    """value: median, least, most. group: a heading above the first bar that has it."""
    label: str
    value: tuple[float, float, float]
    ours: bool = True
    wrong: bool = False
    group: str = ""


@dataclass
class Range:
    """Percentiles of one row: what they are called, and their values, ascending."""
    label: str
    points: list[tuple[str, float]]
    ours: bool = True
    group: str = ""


@dataclass
class Drawing:
    parts: list[str] = field(default_factory=list)
    y: float = TOP

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def heading(self, group: str) -> None:
        self.y += GAP
        self.text(12, self.y + BAR - 3, group, "group")
        self.y += ROW - 4

    def finish(self, title: str, behind: list[str]) -> str:
        height = self.y + BOTTOM
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH} {height:.0f}" role="img">',
            f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
            f'<text x="12" y="24" class="title">{escape(title)}</text>', *behind, *self.parts, "</svg>", ""])


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def steps(most: float) -> list[float]:
    """Round numbers from 0, four to eight of them."""
    raw = most / 5
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw)
    return [step * i for i in range(int(most / step) + 1)]


def grid(drawing: Drawing, marks: list[tuple[float, str]], kind: str = "grid") -> list[str]:
    behind = Drawing()
    for x, label in marks:
        behind.line(x, TOP - 8, x, drawing.y + 2, kind)
        behind.text(x, drawing.y + 18, label, "small", "middle")
    return behind.parts


def bars(title: str, rows: list[Bar], target: tuple[float, str] | None = None) -> str:
    """Horizontal bars of medians, with a whisker from least to most."""
    most = max([bar.value[2] for bar in rows] + ([target[0]] if target else []))
    scale = (WIDTH - LABELS - RIGHT) / most
    drawing, group = Drawing(), ""
    for bar in rows:
        if bar.group != group:
            group = bar.group
            drawing.heading(group)
        middle = drawing.y + BAR / 2
        kind = "wrong" if bar.wrong else "ours" if bar.ours else "other"
        drawing.text(LABELS - 10, middle + 4, bar.label, anchor="end")
        drawing.parts.append(f'<rect x="{LABELS}" y="{drawing.y:.1f}" width="{max(1, bar.value[0] * scale):.1f}" '
                             f'height="{BAR}" rx="2" class="{kind}"/>')
        low, high = LABELS + bar.value[1] * scale, LABELS + bar.value[2] * scale
        if high - low > 1:
            drawing.line(low, middle, high, middle, "whisker")
        drawing.text(max(high, LABELS + bar.value[0] * scale) + 8, middle + 4,
                     shown(bar.value[0]) + (" wrong" if bar.wrong else ""))
        drawing.y += ROW
    behind = grid(drawing, [(LABELS + step * scale, shown(step)) for step in steps(most)])
    if target:
        x = LABELS + target[0] * scale
        drawing.line(x, TOP - 8, x, drawing.y + 2, "target")
        drawing.text(x, TOP - 12, target[1], "small", "middle")
    return drawing.finish(title, behind)


def ranges(title: str, rows: list[Range]) -> str:
    """Rows of percentiles on a logarithmic axis."""
    values = [max(value, 0.1) for row in rows for _, value in row.points]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values) * 1.05))
    scale = (WIDTH - LABELS - RIGHT) / max(1, high - low)

    def at(value: float) -> float:
        return LABELS + (math.log10(max(value, 10.0 ** low)) - low) * scale
    drawing, group = Drawing(), ""
    for row in rows:
        if row.group != group:
            group = row.group
            drawing.heading(group)
        middle, kind = drawing.y + BAR / 2, "ours" if row.ours else "other"
        drawing.text(LABELS - 10, middle + 4, row.label, anchor="end")
        drawing.line(at(row.points[0][1]), middle, at(row.points[-1][1]), middle, f"range {kind}")
        for name, value in row.points:
            radius = 5.5 if name == "p50" else 4 if name == "p99" else 2.5
            drawing.parts.append(f'<circle cx="{at(value):.1f}" cy="{middle:.1f}" r="{radius}" class="{kind}">'
                                 f"<title>{name} {shown(value)}</title></circle>")
        middle_value, late = dict(row.points).get("p50"), dict(row.points).get("p99")
        drawing.text(at(row.points[-1][1]) + 10, middle + 4, f"{shown(middle_value)} / {shown(late)}", "small")
        drawing.y += ROW
    marks = [(at(10.0 ** power), shown(10.0 ** power)) for power in range(low, high + 1)]
    return drawing.finish(title, grid(drawing, marks))
