"""Put what `bench` measured into a document, between the two marks of a section.

Usage: document.py DOCUMENT SECTION [merge] <TEXT
`merge` keeps what was not measured this time: rows of a table and points of a list take the place of those with the same first
cell or the same words before the colon, and new ones follow the last of their kind.
"""

import sys


def marks(section):
    """Where a section begins, and where it ends."""
    return f"<!-- bench writes {section} from here -->", f"<!-- {section} ends here -->"


def parts(document, section):
    """What is before a section, in it, and after it, without the marks."""
    begin, end = marks(section)
    if document.count(begin) != 1 or document.count(end) != 1 or document.index(begin) > document.index(end):
        raise ValueError(f"the marks are not there once, in this order: '{begin}' and '{end}'")
    before, rest = document.split(begin)
    inside, after = rest.split(end)
    return before, inside.strip("\n"), after


def put(document, section, text):
    """The document with another text in a section."""
    begin, end = marks(section)
    before, _, after = parts(document, section)
    return f"{before}{begin}\n\n{text.strip(chr(10))}\n\n{end}{after}"


def key(line):
    """What a row or a point is known by, with its kind first; nothing for other lines."""
    if line.startswith("| ") or line.startswith("|-"):
        return "row", line.split("|")[1].strip(" -:")
    if line.startswith("- ") and ":" in line:
        return "point", line.split(":")[0]
    return None


def merge(old, new):
    """The old text with the new text's rows and points."""
    if not old:
        return new
    lines = old.splitlines()
    for line in new.splitlines():
        known = key(line)
        if known is None:
            continue
        same = [at for at, other in enumerate(lines) if key(other) == known]
        alike = [at for at, other in enumerate(lines) if (key(other) or [None])[0] == known[0]]
        if same:
            lines[same[0]] = line
        elif alike:
            lines.insert(alike[-1] + 1, line)
        else:
            lines += ["", line]
    return "\n".join(lines)


def main(path, section, how=None):
    with open(path, encoding="utf-8") as file:
        document = file.read()
    text = sys.stdin.read().strip("\n")
    if how == "merge":
        text = merge(parts(document, section)[1], text)
    document = put(document, section, text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(document)


if __name__ == "__main__":
    main(*sys.argv[1:])
