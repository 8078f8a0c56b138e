"""Every error that a user can meet.

Each says in one sentence what was received and in a second what to do about it. The command line
prints exactly that and never a traceback.
"""


class SoundalikeError(Exception):
    """Root of all errors raised on purpose.

    Parameters
    ----------
    message : str
        What happened, with the value that was received.
    remedy : str, optional
        What the user can do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class AudioDecodeError(SoundalikeError):
    """A file could not be decoded as audio."""


class UsageError(SoundalikeError, ValueError):
    """An argument is not one that the called function understands."""


class UnknownNameError(UsageError):
    """A facet, preset, extension or column was named that does not exist."""


class MissingExtraError(SoundalikeError):
    """A feature needs an optional dependency that is not installed."""


class CheckpointError(SoundalikeError):
    """A checkpoint is missing, damaged, unsafe to open, or not of the network that it was given for."""


class LicenceError(UsageError):
    """A checkpoint's licence has to be accepted before it can be fetched."""


class ShapeError(SoundalikeError, ValueError):
    """An array does not have the shape that its place demands."""


class NotFoundError(SoundalikeError, LookupError):
    """A track, file or library that was asked for is not there."""


class StoreError(SoundalikeError):
    """The store cannot do what was asked of it."""


class SpaceMismatchError(StoreError):
    """Vectors of one space were offered to a store, or compared with vectors, of another."""


class StoreLockedError(StoreError):
    """Another process is writing to the same store."""


class StoreVersionError(StoreError):
    """The store was written by a newer version of this program."""


class StoreCorruptError(StoreError):
    """The store's database is damaged."""
