"""Tests of peers.py; run by `tests/run lint`."""

import os
import tempfile
import unittest
import xml.etree.ElementTree as ET

import peers
from document import marks

BEGIN, END = marks("peers")

LINES = [
    # The second round is under twice the load, which the ratios do not show.
    "3 nodes run\tirs\t1\t2.0\t\n",
    "3 nodes run\tkcli\t1\t3.0\t\n",
    "3 nodes run\tirs\t2\t4.0\t\n",
    "3 nodes run\tkcli\t2\t8.0\t\n",
    "3 nodes run\tvirt_lightning\t1\t-\t2 of 3 nodes run\n",
    "3 nodes run\tvirt_lightning\t2\t4.0\t\n",
    "3 nodes run\tvirt_install\t1\t-\t0 of 3 nodes run\n",
    "1 node answers SSH\tkcli\t1\t60.0\t\n",
    "1 node answers SSH\tirs\t1\t40.0\t\n",
]


class Peers(unittest.TestCase):
    def setUp(self):
        self.samples = peers.Samples(LINES)

    def test_tools_are_compared_within_a_round(self):
        self.assertEqual(self.samples.ratios("3 nodes run", "kcli"), [1.5, 2.0])
        self.assertEqual(self.samples.ratios("3 nodes run", "virt_lightning"), [1.0])
        self.assertEqual(self.samples.ratios("1 node answers SSH", "virt_lightning"), [])

    def test_table(self):
        head, _, nodes, ssh = peers.table(self.samples, ["virt_install", "kcli", "virt_lightning"])
        self.assertEqual(head.count("|"), nodes.count("|"))
        self.assertEqual(nodes, "| 3 nodes run | 3.00 (2.00–4.00) | see below | **1.75** (1.50–2.00) | **1.00** |")
        self.assertEqual(ssh, "| 1 node answers SSH | 40.0 | – | **1.50** | – |")

    def test_jobs_are_in_the_order_of_irs(self):
        lines = ["removing\tkcli\t1\t1.0\t\n", "again\tirs\t1\t1.0\t\n", "removing\tirs\t1\t1.0\t\n"]
        self.assertEqual(peers.Samples(lines).jobs(), ["again", "removing"])

    def test_what_failed_is_said(self):
        self.assertIn("- virt-lightning, 3 nodes run: 2 of 3 nodes run (1 time)", "\n".join(peers.remarks(self.samples)))

    def test_the_picture_has_a_dot_for_each_ratio(self):
        root = ET.fromstring(peers.draw(self.samples))
        name = "{http://www.w3.org/2000/svg}"
        dots = root.findall(f"{name}circle")
        self.assertEqual(len(dots), 3)
        width = float(root.get("viewBox").split()[2])
        self.assertTrue(all(0 < float(dot.get("cx")) < width for dot in dots))
        irs = next(path for path in root.findall(f"{name}path") if path.get("stroke") == "#0b6e4f")
        at_one = float(irs.get("d")[1:].split("V")[0].split()[0])
        self.assertIn(f"{at_one:.1f}", [dot.get("cx") for dot in dots])

    def test_only_the_section_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "commands"))
            files = {
                "samples.tsv": "".join(LINES),
                "versions.tsv": "irs\t0.1.0\nkcli\t99.0\nkcli_threads\t99.0\n",
                "facts.tsv": "date\t2026-01-01\ncpus\t2\nload before\t1\nload\t2\nlibvirt\t11\nqemu\t10\nhide\t/home/me/\t\nhide\t10.1.2.3\tHYPERVISOR\n",
                "commands/irs": "irs virsh --host-address 10.1.2.3 --image-url /home/me/idle.qcow2\n",
            }
            for name, text in files.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            document, image = os.path.join(folder, "it.md"), os.path.join(folder, "it.svg")
            with open(document, "w", encoding="utf-8") as file:
                file.write(f"# Before\n{BEGIN}\nold\n{END}\nafter\n")
            peers.main(folder, document, image)
            with open(document, encoding="utf-8") as file:
                once = file.read()
            self.assertTrue(once.startswith("# Before\n") and once.endswith(f"{END}\nafter\n"))
            self.assertNotIn("old", once)
            self.assertIn("\n    irs virsh --host-address HYPERVISOR --image-url idle.qcow2\n", once)
            self.assertIn("![how many times as long as irs each tool took](it.svg)", once)
            self.assertIn("irs 0.1.0, kcli 99.0; libvirt 11, QEMU 10", once)
            peers.main(folder, document, image)
            with open(document, encoding="utf-8") as file:
                self.assertEqual(file.read(), once)


if __name__ == "__main__":
    unittest.main()
