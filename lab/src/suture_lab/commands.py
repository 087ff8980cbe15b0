"""The commands that this distribution adds to ``suture``."""

from suture.cli.joining import JoinedCommand

DEMO = JoinedCommand("suture_lab.demo.command:demo", "Play a clinic's day and watch it reach the ledger.")
CHAOS = JoinedCommand(
    "suture_lab.chaos.command:chaos",
    "Injure a running platform at random and prove that nothing is lost or doubled.",
)
