"""Line charts on logarithmic axes, as SVG."""

import math
from html import escape

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 120, 40, 50
COLOURS = ("#0969da", "#cf222e", "#1a7f37", "#9a6700", "#8250df")
STYLE = """\
<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  text.title { font-size: 14px; }
  line { stroke: #d0d7de; }
  polyline { fill: none; stroke-width: 2; }
</style>
"""


def short(number):
    """The number with a suffix for thousands, millions or billions."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{suffix}"
    return f"{number:g}"


def decades(values):
    """The powers of ten that enclose the values, as exponents."""
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def chart(title, across, upwards, lines):
    """`lines` maps a name to its points. Growth in proportion is a straight line at 45 degrees, if both axes are equally
    long, and parallel to the grey diagonals in any case."""
    points = [point for line in lines.values() for point in line]
    (x0, x1), (y0, y1) = (decades([point[axis] for point in points]) for axis in (0, 1))
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)

    def place(x, y):
        right = (math.log10(x) - x0) / (x1 - x0)
        up = (math.log10(y) - y0) / (y1 - y0)
        return LEFT + right * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">\n', STYLE]
    out.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n')
    out.append(f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>\n')

    def line(start, end):
        (a, b), (c, d) = place(*start), place(*end)
        out.append(f'<line x1="{a:.0f}" y1="{b:.0f}" x2="{c:.0f}" y2="{d:.0f}"/>\n')

    def text(x, y, words, anchor):
        out.append(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(words)}</text>\n')

    for power in range(x0, x1 + 1):
        line((10.0**power, 10.0**y0), (10.0**power, 10.0**y1))
        text(place(10.0**power, 1)[0], HEIGHT - BOTTOM + 18, short(10.0**power), "middle")
    for power in range(y0, y1 + 1):
        line((10.0**x0, 10.0**power), (10.0**x1, 10.0**power))
        text(LEFT - 6, place(1, 10.0**power)[1] + 4, short(10.0**power), "end")
    # Diagonals of growth in proportion.
    for shift in range(y0 - x1 + 1, y1 - x0):
        low, high = max(x0, y0 - shift), min(x1, y1 - shift)
        line((10.0**low, 10.0 ** (low + shift)), (10.0**high, 10.0 ** (high + shift)))
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, across, "middle")
    out.append(f'<text transform="translate(16 {HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">{escape(upwards)}</text>\n')
    labels = sorted(((place(*found[-1])[1], name) for name, found in lines.items()))
    at = 0.0
    for number, (name, found) in enumerate(lines.items()):
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in found))
        out.append(f'<polyline points="{joined}" stroke="{COLOURS[number % len(COLOURS)]}"/>\n')
    for height, name in labels:
        at = max(height, at + 14)
        colour = COLOURS[list(lines).index(name) % len(COLOURS)]
        out.append(f'<text x="{WIDTH - RIGHT + 6}" y="{at + 4:.0f}" style="fill:{colour}">{escape(name)}</text>\n')
    out.append("</svg>\n")
    return "".join(out)
