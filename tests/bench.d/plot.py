"""Draw docs/scale.svg from "series nodes seconds" lines on standard input: two panels with logarithmic axes."""

import math
import sys

from svg import label, picture

PANELS = [
    (
        "Making nodes and three networks",
        [
            ("virt-install", "virt-install", "#a33ea1"),
            ("ssh", "virsh define over SSH", "#d1495b"),
            ("virsh", "virsh define on the host", "#c77d0a"),
            ("floor", "virsh define, 8 connections", "#7a7a7a"),
            ("create", "irs, over SSH", "#0b6e4f"),
        ],
    ),
    (
        "irs, phase by phase",
        [
            ("create", "create", "#0b6e4f"),
            ("cleanup", "cleanup", "#d1495b"),
            ("no-op", "nothing to do", "#1f5fa8"),
            ("status", "status", "#a33ea1"),
            ("plan", "plan", "#7a7a7a"),
        ],
    ),
]
WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 320, 60, 50, 250


def main():
    points = {}
    for line in sys.stdin:
        series, nodes, seconds = line.split()
        points.setdefault(series, []).append((int(nodes), float(seconds)))
    every = [point for of_series in points.values() for point in of_series]
    sizes = sorted({nodes for nodes, _ in every})
    low = 10 ** math.floor(math.log10(min(seconds for _, seconds in every)))
    high = 10 ** math.ceil(math.log10(max(seconds for _, seconds in every)))

    def across(panel, nodes):
        part = math.log(nodes / sizes[0]) / math.log(sizes[-1] / sizes[0])
        return LEFT + panel * (WIDTH + GAP) + part * WIDTH

    def up(seconds):
        return TOP + HEIGHT * (1 - math.log(seconds / low) / math.log(high / low))

    total = LEFT + 2 * WIDTH + GAP + 170
    out = []
    for panel, (title, lines) in enumerate(PANELS):
        begin, end = across(panel, sizes[0]), across(panel, sizes[-1])
        out.append(label(begin, TOP - 20, title, 15, extra='font-weight="bold"'))
        decade = low
        while decade <= high * 1.001:
            for step in range(1, 10):
                value = decade * step
                if value > high * 1.001:
                    break
                shade = "#bbb" if step == 1 else "#eee"
                out.append(
                    f'<path d="M{begin:.1f} {up(value):.1f}H{end:.1f}" stroke="{shade}" stroke-width="1"/>'
                )
            out.append(label(begin - 8, up(decade) + 4, f"{decade:g} s", anchor="end"))
            decade *= 10
        for nodes in sizes:
            x = across(panel, nodes)
            out.append(f'<path d="M{x:.1f} {TOP}V{TOP + HEIGHT}" stroke="#bbb" stroke-width="1"/>')
            out.append(label(x, TOP + HEIGHT + 18, str(nodes), anchor="middle"))
        out.append(label((begin + end) / 2, TOP + HEIGHT + 40, "nodes", 13, anchor="middle"))
        ends = []
        for series, name, colour in lines:
            drawn = sorted(points.get(series, []))
            if not drawn:
                continue
            way = " ".join(f"{across(panel, nodes):.1f},{up(seconds):.1f}" for nodes, seconds in drawn)
            out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
            for nodes, seconds in drawn:
                x, y = across(panel, nodes), up(seconds)
                out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            nodes, seconds = drawn[-1]
            ends.append([up(seconds), across(panel, nodes), f"{name}: {seconds:.3g} s", colour])
        # Labels at the lines' ends, each below the one before it.
        at = -math.inf
        for y, x, text, colour in sorted(ends):
            at = max(y, at + 15)
            out.append(label(end + 10 if x >= end - 1 else x + 8, at + 4, text, 12, colour))
    sys.stdout.write(picture(total, TOP + HEIGHT + 60, "seconds over nodes, for irs, virsh and virt-install", out))


main()
