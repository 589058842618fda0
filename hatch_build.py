"""Build hook: wheels carry the notebooks as mgcbook/notebooks, so that `mgcbook notebooks` works without a checkout."""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NotebooksInWheel(BuildHookInterface):
    """Adds notebooks/ to an ordinary wheel; an editable one points at the checkout, where the notebooks lie anyway."""

    def initialize(self, version, build_data):
        folder = Path(self.root, "notebooks")
        if version == "standard":
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if path.is_file() and not any(part.startswith((".", "__")) for part in inside.parts):
                    build_data["force_include"][str(path)] = f"mgcbook/notebooks/{inside.as_posix()}"
