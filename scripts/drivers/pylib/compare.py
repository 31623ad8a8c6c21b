"""Compares two outputs of run.sh: one straight to a server, one through a node.

compare.py DIRECT NODE: prints every difference. Exit status 1 if there is one,
or if a case fails, or if nothing was compared.
"""

import sys
from pathlib import Path


def read(path):
    """Returns {case: result} in the order of the file."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def judge(direct, node):
    """Returns (verdict, why) of one case, whose results may be None."""
    if direct is None or node is None:
        return "different", "it did not run " + ("directly" if direct is None else "through the node")
    if direct.startswith("SKIP ") and node.startswith("SKIP "):
        return "skipped", ""
    if node.startswith("SKIP "):
        return "different", "only the node lacks it"
    if node.startswith("FAIL "):
        return "failed", "it fails both ways" if direct == node else "it fails through the node"
    if direct.startswith("SKIP "):
        return "node only", "the server lacks it"
    if direct != node:
        return "different", ""
    return "same", ""


def main(direct_path, node_path):
    direct, node = read(direct_path), read(node_path)
    counts = {}
    for name in dict.fromkeys([*direct, *node]):
        verdict, why = judge(direct.get(name), node.get(name))
        counts[verdict] = counts.get(verdict, 0) + 1
        if verdict in ("different", "failed"):
            print(f"{verdict.upper()} {name} {why}".rstrip())
            print(f"  direct: {direct.get(name, '')}")
            print(f"  node:   {node.get(name, '')}")
        elif verdict == "node only":
            print(f"NODE ONLY {name}: {node[name]}")
    good = counts.get("same", 0) + counts.get("node only", 0)
    bad = counts.get("different", 0) + counts.get("failed", 0)
    print(f"drivers: {good} passed, {bad} failed, {counts.get('skipped', 0)} skipped")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
