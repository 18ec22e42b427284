"""File operations of a process, counted, and ended or failing at the k-th."""

import builtins
import errno
import io
import os
import shutil
from pathlib import Path


class Killed(BaseException):
    """Raised in place of an end of the process, which a test could not survive."""


class FileOperations:
    """Counts what changes files below a folder; the k-th and all that follow do not happen, but raise.

    A write that is cut off does half of its work first: a file that is not whole is what a killed process leaves.

    Args:
        folder: Folder whose files count.
        at: Number of the operation, from 1; 0 counts only.
        fault: Function that returns what is raised. `full_disk` lets files be removed, as a full disk does.
    """

    def __init__(self, folder, at=0, fault=Killed):
        self.folder, self.at, self.fault = os.path.realpath(folder), at, fault
        self.count, self.log = 0, []

    def __enter__(self):
        self._before = [(module, name, getattr(module, name)) for module, name in _PATCHED]
        for module, name, original in self._before:
            setattr(module, name, self._opener(original) if name == "open" else self._counted(name, original))
        return self

    def __exit__(self, *error):
        for module, name, original in self._before:
            setattr(module, name, original)

    def step(self, what, path, half=None):
        """Count an operation; from the k-th on, raise, once after half of it."""
        self.count += 1
        self.log.append(f"{what} {Path(str(path)).name}")
        if self.at and self.count >= self.at and not (self.fault is full_disk and what in _REMOVE):
            if half and self.count == self.at:
                half()
            raise self.fault()

    def ours(self, path):
        """Tell whether a path is below the folder."""
        if isinstance(path, int):
            try:
                path = os.readlink(f"/proc/self/fd/{path}")
            except OSError:
                return False
        text = os.path.abspath(os.fspath(path)) if isinstance(path, str | os.PathLike) else ""
        return text == self.folder or text.startswith(self.folder + os.sep)

    def _counted(self, name, original):
        def run(*args, **options):
            if args and self.ours(args[0]):
                self.step(name, args[0])
            return original(*args, **options)

        return run

    def _opener(self, original):
        def run(file, mode="r", *args, **options):
            if not set(mode) & set("wax+") or not self.ours(file):
                return original(file, mode, *args, **options)
            self.step("open", file)
            return self._watched(original(file, mode, *args, **options), file)

        return run

    def _watched(self, opened, path):
        steps = self

        class Watched:
            def __getattr__(self, name):
                return getattr(opened, name)

            def __enter__(self):
                opened.__enter__()
                return self

            def __exit__(self, *error):
                try:
                    steps.step("close", path)
                finally:
                    opened.__exit__(*error)

            def __iter__(self):
                return iter(opened)

            def write(self, data):
                def half():
                    opened.write(data[: len(data) // 2])
                    opened.flush()

                steps.step("write", path, half)
                return opened.write(data)

        return Watched()


_REMOVE = ("unlink", "remove", "rmdir", "rmtree", "close")
_PATCHED = [(os, name) for name in ("replace", "rename", "fsync", "mkdir", "unlink", "remove", "rmdir")]
_PATCHED += [(builtins, "open"), (io, "open"), (shutil, "rmtree")]


def full_disk():
    """The error of a full disk."""
    return OSError(errno.ENOSPC, "No space left on device")
