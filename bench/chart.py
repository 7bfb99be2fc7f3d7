"""chart.py - what was measured as bars: one SVG, readable on light and on dark pages

Written by hand, since it is a few rectangles and words. In a table where less is better the bars
are cut at a few times thrum's length, with a gap in them that says so, or one slow contestant
would press the others together; the figure beside each bar is whole.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, MARGIN = 800, 24
NAMES, BARS = 246, 420  # where the bars start, and how long the longest is
ROW, BAR = 26, 16
CUT = 5  # times thrum's bar

STYLE = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e }
  .peer { fill: #a3adb8 } .thrum { fill: #14806a }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #e6edf3 } .faint { fill: #9198a1 }
    .peer { fill: #59636e } .thrum { fill: #2fb596 }
  }
  text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 13px }
  .title { font-size: 17px; font-weight: 600 } .head { font-weight: 600 }
"""


@dataclass
class Bar:
    name: str
    value: float
    ours: bool


@dataclass
class Panel:
    title: str
    unit: str
    bars: list


def short(value: float) -> str:
    """Three digits that count, as anybody writes them."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def text(x, y, what, style="text", anchor="start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(what)}</text>'


def draw_panel(panel: Panel, top: float) -> list:
    parts = [text(MARGIN, top + 14, panel.title, "text head"), text(MARGIN, top + 33, panel.unit, "faint")]
    ours = max((bar.value for bar in panel.bars if bar.ours), default=0)
    most = max(bar.value for bar in panel.bars)
    if "less is better" in panel.unit and ours > 0:
        most = max(bar.value for bar in panel.bars if bar.value <= CUT * ours)
    y = top + 44
    for bar in panel.bars:
        cut = bar.value > most
        length = BARS if cut else max(1.5, BARS * 0.9 * bar.value / most)
        style = "thrum" if bar.ours else "peer"
        middle = y + ROW / 2 + 4.5
        parts.append(text(NAMES - 10, middle, bar.name, "text head" if bar.ours else "text", "end"))
        place = f'y="{y + (ROW - BAR) / 2}" height="{BAR}" class="{style}"'
        if cut:
            parts.append(f'<rect x="{NAMES}" width="{BARS - 24}" {place}/>')
            parts.append(f'<rect x="{NAMES + BARS - 18}" width="6" {place}/>')
            parts.append(f'<rect x="{NAMES + BARS - 6}" width="6" {place}/>')
        else:
            parts.append(f'<rect x="{NAMES}" width="{length:.1f}" {place}/>')
        parts.append(text(NAMES + length + 8, middle, short(bar.value)))
        y += ROW
    return parts


def draw(title: str, panels: list) -> str:
    parts, y = [], MARGIN + 34
    for panel in panels:
        parts += draw_panel(panel, y)
        y += 44 + ROW * len(panel.bars) + 26
    height = y - 26 + MARGIN - 8
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{height:.0f}" rx="6"/>',
            text(MARGIN, MARGIN + 14, title, "text title"),
            *parts,
            "</svg>\n",
        ]
    )
