"""``python -m benchmarks [WHICH …]`` prints figures as JSON; docs/performance.md tells their meaning."""

import argparse
import json
import sys

from benchmarks import console, flow, idle, ingest, observability, odoo, reconcile

BENCHMARKS = {
    "ingest": ingest.measure,
    "flow": flow.measure,
    "idle": idle.measure,
    "odoo": odoo.measure,
    "reconcile": reconcile.measure,
    "observability": observability.measure,
    "console": console.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=[*BENCHMARKS, []], help="all of them unless named")
    chosen = parser.parse_args().which or list(BENCHMARKS)
    for name in chosen:
        sys.stdout.write(json.dumps({name: BENCHMARKS[name]()}, indent=2) + "\n")


main()
