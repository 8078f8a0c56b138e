"""The command line: words to library calls, nothing else.

Results go to stdout, everything else to stderr. Exit codes: 0 done; 1 failed; 2 wrong use;
3 finished, but some files failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from soundalike import __version__
from soundalike.cli.judge_command import calibrate, judge
from soundalike.cli.library_commands import add, doctor, export, failures, remove, status
from soundalike.cli.loops_command import loops
from soundalike.cli.models_command import models
from soundalike.cli.research_commands import research
from soundalike.cli.search_commands import compare, embed, search
from soundalike.cli.shared import HELP
from soundalike.cli.transcribe_command import transcribe
from soundalike.errors import SoundalikeError, UsageError
from soundalike.tracks import printable


@click.group(context_settings=HELP)
@click.version_option(__version__, prog_name="soundalike")
def cli() -> None:
    """Find music that sounds alike, say in what way, and see why.

    \b
    Examples:
      soundalike add ~/Music
      soundalike search song.mp3
      soundalike search song.mp3 -w melody=1 -w timbre=-0.5
      soundalike compare one.wav two.wav
    """


@cli.command(context_settings=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands in SHELL.

    \b
    Example:
      soundalike completion bash > ~/.local/share/bash-completion/completions/soundalike
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "soundalike", "_SOUNDALIKE_COMPLETE").source())


LIBRARY = (add, search, loops, compare, embed, transcribe, judge, calibrate, status, failures, remove, export)
for command in (*LIBRARY, doctor, models, research):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never a traceback.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; the default is ``sys.argv``.
    """
    _print_any_name()
    try:
        code = cli.main(arguments, prog_name="soundalike", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except SoundalikeError as error:
        return _complain(error, 2 if isinstance(error, UsageError) else 1)
    except (click.Abort, KeyboardInterrupt):
        return _complain("Stopped. What was done is kept; run the same command again to go on.", 1)
    except BrokenPipeError:
        # The reader has gone; keep the interpreter from complaining about it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("SOUNDALIKE_DEBUG"):
            raise
        return _complain(
            f"Unexpected {type(error).__name__}: {error}. Set SOUNDALIKE_DEBUG=1 to see where it came from.", 1
        )


def _print_any_name() -> None:
    """Let names that the terminal cannot show be printed as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _complain(error: object, code: int) -> int:
    click.echo(f"soundalike: {printable(str(error))}", err=True)  # names may hold line breaks and worse
    return code
