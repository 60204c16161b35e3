"""Write what `bench peers` measured into a document, between two marks, and draw it.

Arguments: the folder with samples.tsv (job, tool, round, seconds or "-", remark), versions.tsv, facts.tsv and commands/,
the document, and the picture. Tools are compared within a round only: each figure but irs's own is a ratio to irs in the
same round, as the machine's load changes from round to round.
"""

import math
import os
import sys
from statistics import median

from document import put
from svg import label, picture

# Name, colour, and where it works from.
TOOLS = {
    "irs": ("irs", "#0b6e4f", "from outside, over SSH"),
    "virt_install": ("virt-install", "#a33ea1", "on the hypervisor, one node after the other"),
    "virt_install_at_once": ("virt-install, 8 at once", "#d1495b", "on the hypervisor"),
    "kcli": ("kcli", "#c77d0a", "from outside, over SSH"),
    "kcli_threads": ("kcli, threads", "#8a6a0a", "from outside, over SSH"),
    "virt_lightning": ("virt-lightning", "#1f5fa8", "on the hypervisor"),
}


class Samples:
    """Seconds by job and tool and round, and what went wrong."""

    def __init__(self, lines):
        self.seconds, self.remarks, self.order = {}, {}, []
        for line in lines:
            job, tool, turn, seconds, remark = line.rstrip("\n").split("\t")
            of_job = self.seconds.setdefault(job, {})
            of_tool = of_job.setdefault(tool, {})
            if tool == "irs" and job not in self.order:
                self.order.append(job)
            if remark:
                key = (job, tool, remark)
                self.remarks[key] = self.remarks.get(key, 0) + 1
            if seconds != "-":
                of_tool[turn] = float(seconds)

    def jobs(self):
        """The jobs, in the order in which irs first did them; what it did not do is compared with nothing."""
        return self.order

    def ratios(self, job, tool):
        """How many times as long as irs a tool took, for each round in which both came through; sorted."""
        mine, irs = (self.seconds[job].get(name, {}) for name in (tool, "irs"))
        return sorted(mine[turn] / irs[turn] for turn in mine if turn in irs)


def spread(numbers):
    """Median, and lowest and highest: as exact as such figures are."""
    text = [f"{number:.2f}" if number < 9.995 else f"{number:.1f}" for number in (median(numbers), min(numbers), max(numbers))]
    return f"{text[0]} ({text[1]}–{text[2]})" if len(numbers) > 1 else text[0]


def table(samples, tools):
    """A row for each job: irs's seconds, and the others' ratios to them."""
    yield "| | irs, seconds | " + " | ".join(f"{TOOLS[tool][0]}, times irs" for tool in tools) + " |"
    yield "|---|---|" + "---|" * len(tools)
    for job in samples.jobs():
        own = list(samples.seconds[job].get("irs", {}).values())
        cells = [spread(own) if own else "–"]
        for tool in tools:
            ratios = samples.ratios(job, tool)
            failed = any(key[:2] == (job, tool) for key in samples.remarks)
            if ratios:
                middle, *around = spread(ratios).split(" ")
                cells.append(" ".join([f"**{middle}**", *around]))
            else:
                cells.append("see below" if failed else "–")
        yield f"| {job} | " + " | ".join(cells) + " |"


def remarks(samples):
    """What did not come through, which is in no figure."""
    for (job, tool, remark), times in samples.remarks.items():
        yield f"- {TOOLS[tool][0]}, {job}: {remark} ({times} time{'' if times == 1 else 's'})"


def hidden(text, facts):
    """Commands without what is of one machine alone."""
    for name, *words in facts:
        if name == "hide":
            text = text.replace(words[0], words[1])
    return text


def commands(folder, facts):
    """The commands as they were run, of each tool."""
    for tool, (name, _, where) in TOOLS.items():
        of_tool = [os.path.join(folder, tool + suffix) for suffix in ("", ".remove", ".file")]
        of_tool = [path for path in of_tool if os.path.exists(path)]
        if of_tool:
            yield f"{name}, {where}:"
            yield ""
            for path in of_tool:
                with open(path, encoding="utf-8") as file:
                    yield from ("    " + line for line in hidden(file.read().strip(), facts).splitlines())
            yield ""


def section(samples, versions, facts, folder, image):
    """What stands between the marks."""
    fact = {row[0]: row[1] for row in facts}
    tools = [tool for tool in TOOLS if tool != "irs" and any(tool in samples.seconds[job] for job in samples.jobs())]
    lost = [hidden(line, facts) for line in remarks(samples)]
    rounds = len({turn for of_job in samples.seconds.values() for of_tool in of_job.values() for turn in of_tool})
    return "\n".join(
        [
            *table(samples, tools),
            "",
            f"![how many times as long as irs each tool took]({image})",
            "",
            *lost,
            *([""] if lost else []),
            f"Taken on {fact['date']} in {rounds} round{'' if rounds == 1 else 's'} on {fact['cpus']} CPUs, with a load (1, 5 and 15 minutes) of "
            f"{fact['load before']} before and {fact['load']} after, the bench's own in it. {versions_said(versions)}; libvirt {fact['libvirt']}, "
            f"QEMU {fact['qemu']}. The first round's commands:",
            "",
            *commands(folder, facts),
        ]
    ).rstrip()


def versions_said(versions):
    """Each tool's version once, whatever number of ways it is run in."""
    seen = {}
    for tool, version in versions:
        seen.setdefault(TOOLS[tool][0].split(",")[0], version)
    return ", ".join(f"{name} {version}" for name, version in seen.items())


def draw(samples):
    """A line for each job and tool: from the lowest to the highest ratio, with a dot at the median."""
    rows = [(job, [tool for tool in TOOLS if tool != "irs" and samples.ratios(job, tool)]) for job in samples.jobs()]
    rows = [(job, tools) for job, tools in rows if tools]
    every = [ratio for job, tools in rows for tool in tools for ratio in samples.ratios(job, tool)]
    # A third of an octave of room beside the farthest points, and irs itself always in the picture.
    low, high = min([0.8, *every]) / 1.25, max([1.25, *every]) * 1.25
    left, width, top, line, gap = 200, 430, 60, 19, 30
    height = top + sum(gap + line * len(tools) for _, tools in rows) + 20

    def across(ratio):
        return left + width * math.log(ratio / low) / math.log(high / low)

    out = [label(20, 26, "How many times as long as irs (lowest, median, highest of the rounds)", 15, extra='font-weight="bold"')]
    for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100):
        if low <= tick <= high:
            shade, thick = ("#0b6e4f", 2) if tick == 1 else ("#ddd", 1)
            out.append(f'<path d="M{across(tick):.1f} {top - 8}V{height - 16}" stroke="{shade}" stroke-width="{thick}"/>')
            out.append(label(across(tick), top - 14, "irs" if tick == 1 else f"{tick:g}", fill=shade if tick == 1 else "#222", anchor="middle"))
    y = top
    for job, tools in rows:
        y += gap
        out.append(label(20, y, job, 13, extra='font-weight="bold"'))
        for tool in tools:
            name, colour, _ = TOOLS[tool]
            ratios = samples.ratios(job, tool)
            y += line
            at = y - 4
            out.append(label(left - 12, y, name, fill=colour, anchor="end"))
            out.append(f'<path d="M{across(ratios[0]):.1f} {at:.1f}H{across(ratios[-1]):.1f}" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>')
            out.append(f'<circle cx="{across(median(ratios)):.1f}" cy="{at:.1f}" r="5" fill="{colour}"/>')
            out.append(label(left + width + 12, y, spread(ratios), fill=colour))
    return picture(left + width + 130, math.ceil(height), "how many times as long as irs virt-install, kcli and virt-lightning took", out)


def rows_of(folder, name):
    """The lines of a file, in fields."""
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def main(folder, document, image):
    with open(os.path.join(folder, "samples.tsv"), encoding="utf-8") as file:
        samples = Samples(file)
    with open(document, encoding="utf-8") as file:
        text = file.read()
    picture_name = os.path.relpath(image, os.path.dirname(document))
    made = section(samples, rows_of(folder, "versions.tsv"), rows_of(folder, "facts.tsv"), os.path.join(folder, "commands"), picture_name)
    text = put(text, "peers", made)
    with open(document, "w", encoding="utf-8") as file:
        file.write(text)
    with open(image, "w", encoding="utf-8") as file:
        file.write(draw(samples))


if __name__ == "__main__":
    main(*sys.argv[1:])
