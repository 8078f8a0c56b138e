"""Write docs/cli.md from the commands' own help: ``python docs/make_cli.py``."""

from __future__ import annotations

from pathlib import Path

import click

from soundalike.cli import cli

PAGE = Path(__file__).with_name("cli.md")


def page() -> str:
    """The whole page."""
    parts = ["# Command line\n\nMade by `python docs/make_cli.py` from the commands' own help.\n"]
    parts += [_section(name, command) for name, command in _walk("soundalike", cli)]
    return "\n".join(parts)


def _walk(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    found = [(name, command)]
    if isinstance(command, click.Group):
        for word, inner in sorted(command.commands.items()):
            found += _walk(f"{name} {word}", inner)
    return found


def _section(name: str, command: click.Command) -> str:
    # With the command's own settings, as when it is run: click remembers the first help option that it makes.
    settings = {**command.context_settings, "terminal_width": 100, "max_content_width": 100}
    context = click.Context(command, info_name=name, **settings)
    return f"## {name}\n\n```\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
