"""Give an editable install a plain import root: .link/hexgate -> ../src."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LinkSourceTree(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves it unbound
    """Make the link for editable installs; wheels map `src` to `hexgate` by themselves."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Create or refresh the link. Refuses to delete anything that is not a link."""
        if version != "editable":
            return
        link = Path(self.root, ".link", "hexgate")
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise RuntimeError(f"{link} is in the way; remove it and install again")
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(Path("..", "src"), target_is_directory=True)
