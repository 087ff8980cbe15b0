"""Commands that other packages add to ``suture``, each by an entry point of the group `suture.commands`."""

from importlib.metadata import EntryPoint, entry_points

import msgspec

from suture.cli.trouble import UserError

GROUP = "suture.commands"


class JoinedCommand(msgspec.Struct, frozen=True):
    """What an entry point names: where the command's function or app is (`module:name`), and its line in the list of
    commands. The command's own module is imported only when it is called."""

    where: str
    help: str


def joined_commands() -> dict[str, JoinedCommand]:
    """The commands of other packages by their names. Raises `UserError` where one is broken."""
    return {point.name: _loaded(point) for point in entry_points(group=GROUP)}


def _loaded(point: EntryPoint) -> JoinedCommand:
    place = f"the command {point.name} of the package {point.dist.name if point.dist else '?'}"
    try:
        command = point.load()
    except Exception as error:
        raise UserError(f"{place} can't be loaded ({type(error).__name__}: {error})") from error
    if not isinstance(command, JoinedCommand):
        raise UserError(f"{place} is no `suture.cli.joining.JoinedCommand`")
    return command
