"""Run with: python3 -m unittest discover -s scripts/drivers/pylib -p '*_test.py'"""

import unittest

from compare import judge
from dsn import variables


class JudgeTest(unittest.TestCase):
    def test_verdicts(self):
        for direct, node, want in [
            ("1", "1", "same"),
            ("1", "2", "different"),
            ("1", None, "different"),
            (None, "1", "different"),
            ("SKIP x", "SKIP y", "skipped"),
            ("1", "SKIP y", "different"),
            ("SKIP x", "1", "node only"),
            ("SKIP x", "FAIL y", "failed"),
            ("FAIL x", "FAIL x", "failed"),
            ("FAIL x", "1", "different"),
            ("1", "FAIL x", "failed"),
        ]:
            with self.subTest(direct=direct, node=node):
                self.assertEqual(judge(direct, node)[0], want)


class DsnTest(unittest.TestCase):
    def test_variables(self):
        found = variables("tds://u%40x:p%3A1@127.0.0.1:15/db?encrypt=off,on&lacks=xml")
        self.assertEqual(
            [found[k] for k in ("TDS_HOST", "TDS_PORT", "TDS_USER", "TDS_PASSWORD", "TDS_DATABASE", "TDS_ENCRYPT", "TDS_LACKS", "TDS_USER2")],
            ["127.0.0.1", "15", "u@x", "p:1", "db", "off,on", "xml", ""])

    def test_malformed(self):
        for dsn in ("127.0.0.1:1433", "tds://127.0.0.1/db", "tds://u:p@h/db?nope=1"):
            with self.subTest(dsn=dsn), self.assertRaises(ValueError):
                variables(dsn)


if __name__ == "__main__":
    unittest.main()
