"""Tests of document.py."""

import unittest

from document import marks, merge, parts, put

BEGIN, END = marks("figures")
OLD = "| seconds | irs |\n|---|---|\n| ten nodes; by hand | 1 |\n| the same | 2 |\n\n- `running`: monday\n- `boot`: monday"


class Document(unittest.TestCase):
    def test_only_the_section_is_written(self):
        other = "\n".join(marks("scale"))
        document = f"# Before\n{BEGIN}\nold\n{END}\n{other}\nafter\n"
        once = put(document, "figures", "new\n")
        self.assertEqual(once, f"# Before\n{BEGIN}\n\nnew\n\n{END}\n{other}\nafter\n")
        self.assertEqual(put(once, "figures", parts(once, "figures")[1]), once)

    def test_a_document_without_the_marks_is_refused(self):
        for document in ("", BEGIN, END + BEGIN, BEGIN + END + BEGIN, "".join(marks("scale"))):
            with self.assertRaises(ValueError):
                put(document, "figures", "text")

    def test_what_was_not_measured_stays(self):
        new = "| seconds | irs |\n|---|---|\n| the same | 3 |\n| removing them | 4 |\n\n- `boot`: tuesday"
        self.assertEqual(
            merge(OLD, new),
            "| seconds | irs |\n|---|---|\n| ten nodes; by hand | 1 |\n| the same | 3 |\n| removing them | 4 |\n\n- `running`: monday\n- `boot`: tuesday",
        )
        self.assertEqual(merge(OLD, OLD), OLD)
        self.assertEqual(merge("", new), new)


if __name__ == "__main__":
    unittest.main()
