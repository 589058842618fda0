"""Build hook: wheels carry the notebooks and benchmarks as folders of mgcbook: its commands work without a checkout."""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NotebooksInWheel(BuildHookInterface):
    """Adds both folders to an ordinary wheel; an editable one points at the checkout, where they lie anyway."""

    def initialize(self, version, build_data):
        if version == "standard":
            for name in ("notebooks", "benchmarks"):
                for path in sorted(Path(self.root, name).rglob("*")):
                    inside = path.relative_to(self.root)
                    if path.is_file() and not any(part.startswith((".", "__")) for part in inside.parts):
                        build_data["force_include"][str(path)] = f"mgcbook/{inside.as_posix()}"
