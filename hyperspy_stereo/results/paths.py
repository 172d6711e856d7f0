"""Files that results are written to and read from, checked before anything is done."""

from __future__ import annotations

from pathlib import Path

__all__ = ["path_to_read", "path_to_write"]


def path_to_write(
    path: str | Path, suffixes: tuple[str, ...], overwrite: bool = True
) -> tuple[Path, str]:
    """Return a path that can be written, and its suffix.

    Parameters
    ----------
    path : str or Path
        Where to.
    suffixes : tuple of str
        Formats that there are, such as ".csv".
    overwrite : bool
        Whether a file may be replaced.

    Returns
    -------
    path : Path
    suffix : str
        In lower case.

    Raises
    ------
    ValueError
        If the suffix is none of these.
    FileNotFoundError
        If the folder does not exist.
    FileExistsError
        If the file exists and `overwrite` is False.
    """
    path = Path(path)
    suffix = _suffix(path, suffixes)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path.parent)!r}; create it, for example with "
            "pathlib.Path(...).mkdir(parents=True), and save again."
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; give overwrite=True or another name.")
    return path, suffix


def path_to_read(path: str | Path, suffixes: tuple[str, ...]) -> tuple[Path, str]:
    """Return the path of a file that is there, and its suffix; errors as `path_to_write`."""
    path = Path(path)
    suffix = _suffix(path, suffixes)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    return path, suffix


def _suffix(path: Path, allowed: tuple[str, ...]) -> str:
    suffix = path.suffix.lower()
    if suffix not in allowed:
        raise ValueError(
            f"The suffix gives the format: {', '.join(allowed)}; {path.name!r} was given."
        )
    return suffix
