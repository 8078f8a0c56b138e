"""Files of pretrained networks: which there are, where they lie, under which licence, and their tensors.

The table `checkpoints.toml` lists them. A checkpoint comes from a file or folder that the user names, or from the
folder of checkpoints (``$SOUNDALIKE_HOME/checkpoints/NAME``) once ``soundalike models get NAME`` has put it there
(see `soundalike.checkpoints.install`).
"""

from soundalike.checkpoints.needs import require
from soundalike.checkpoints.places import folder_of, is_here, locate
from soundalike.checkpoints.table import Checkpoint, checkpoint, checkpoints, costs
from soundalike.checkpoints.tensors import fingerprint, read_document, read_json, read_metadata, read_tensors

__all__ = [
    "Checkpoint",
    "checkpoint",
    "checkpoints",
    "costs",
    "fingerprint",
    "folder_of",
    "is_here",
    "locate",
    "read_document",
    "read_json",
    "read_metadata",
    "read_tensors",
    "require",
]
