"""By what a coordinator's data folder is known: nobody takes another folder for one because of a mistyped name."""

from pathlib import Path

NAMES = ("journal", "ledger", "quarantine", "colony.json", "archive.sqlite")


def is_data_folder(folder: Path) -> bool:
    """Whether a coordinator's files are there, be they as empty as those that nobody has used yet."""
    return folder.is_dir() and any((folder / name).exists() for name in NAMES)


def has_records(folder: Path) -> bool:
    """Whether a coordinator wrote there, as whoever it was."""
    written = ((folder / "journal").glob("*.jsonl"), (folder / "ledger").glob("*.jsonl*"))
    return (folder / "colony.json").exists() or any(True for paths in written for _ in paths)
