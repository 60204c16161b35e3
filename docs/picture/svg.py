"""Draw what a recorded terminal showed at its end. Usage: svg.py TYPESCRIPT SVG LABEL"""

import re
import sys
from html import escape
from itertools import groupby

import pyte

COLUMNS, ROWS = 100, 40
CELL, LINE, PAD, BAR = 8.4, 19, 18, 34
INK, PAPER = "#d6deeb", "#10151f"
COLOURS = {
    "black": "#5c6773", "red": "#ff6b6b", "green": "#7fd88f", "brown": "#f2c76e",
    "blue": "#7aa8ff", "magenta": "#d3a1f5", "cyan": "#78d5e3", "white": INK, "default": INK,
}


def screen_of(path):
    """The rows of the screen after everything that `script` wrote to the file."""
    with open(path, newline="", encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"^Script started[^\n]*\n", "", text)
    text = re.sub(r"\nScript done[^\n]*\n?$", "\n", text)
    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.Stream(screen).feed(text)
    rows = [[screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]
    while rows and not "".join(cell.data for cell in rows[-1]).strip():
        rows.pop()
    return rows


def spans(row):
    """Stretches of one look, as (column, text, style); blanks at the end are nobody's."""
    column = 0
    for (colour, bold), cells in groupby(row, key=lambda cell: (cell.fg, cell.bold)):
        text = "".join(cell.data for cell in cells)
        if text.strip():
            yield column, text.rstrip(), COLOURS.get(colour, "#" + colour), bold
        column += len(text)


def svg(rows, label):
    width = COLUMNS * CELL + 2 * PAD
    height = BAR + len(rows) * LINE + PAD
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(label)}">'
    )
    yield (
        "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        "white-space:pre}.b{font-weight:bold}</style>"
    )
    yield f'<rect width="100%" height="100%" rx="10" fill="{PAPER}"/>'
    for x, colour in ((20, "#ff6b6b"), (40, "#f2c76e"), (60, "#7fd88f")):
        yield f'<circle cx="{x}" cy="18" r="5.5" fill="{colour}"/>'
    for number, row in enumerate(rows):
        y = BAR + number * LINE + 13
        for column, text, colour, bold in spans(row):
            # The length is said, so that any font keeps to the columns.
            yield (
                f'<text x="{PAD + column * CELL:.1f}" y="{y}" textLength="{len(text) * CELL:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" fill="{colour}" xml:space="preserve"'
                f'{" class=" + chr(34) + "b" + chr(34) if bold else ""}>{escape(text)}</text>'
            )
    yield "</svg>"


def main():
    source, target, label = sys.argv[1:]
    rows = screen_of(source)
    with open(target, "w", encoding="utf-8") as file:
        file.write("\n".join(svg(rows, label)) + "\n")


main()
