"""What the pictures of `bench` have in common."""

from html import escape

FONT = 'font-family="Helvetica, Arial, sans-serif"'


def label(x, y, text, size=12, fill="#222", anchor="start", extra=""):
    """Text that begins, ends or has its middle at a place."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" {FONT} {extra}>'
        f"{escape(text)}</text>"
    )


def picture(width, height, what, drawn):
    """A whole SVG file: white behind, and `what` for those who cannot see it."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(what)}">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *drawn,
            "</svg>\n",
        ]
    )
