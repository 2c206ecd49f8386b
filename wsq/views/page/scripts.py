"""The pages' JavaScript: ES modules of this package, joined to one text for each page.

Panel takes a component's script as one module, on a served page and in a notebook's cell alike. Joining needs no
parser, because the modules keep to a part of the language that ESLint checks: imports are static, named and not
renamed, of modules of this package; exports are named declarations; no text spans lines.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_PRIVATE = re.compile(r"^(?:(?:async )?function|class|const|let)\b", re.MULTILINE)
_LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?://.*|/\*\*(?s:.*?)\*/)\n", re.MULTILINE)
_BLANK = re.compile(r"\n{2,}")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


def script(entry: str) -> str:
    """The module `entry`, a path below `wsq/views`, and all that it imports, each once, as one module.

    What `entry` exports is exported. Comments, indentation and blank lines are left out, to send less.

    Raises:
        ValueError: A module imports itself, directly or not, or is not written as described above.
    """
    modules: dict[str, Module] = {}
    _collect(entry, modules, ())
    names = [name for module in modules.values() for name in module.exports]
    if len(names) > len(set(names)):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{entry} joins modules that export the same names: {', '.join(twice)}.")
    parts = [module.scoped() for module in modules.values()]
    return "\n".join([*parts, f"export {modules[entry].exported()};", ""])


def inline(path: str) -> str:
    """The module `path`, below `wsq/views`, which imports and exports nothing, as a part of another script."""
    return _module(path).body


@dataclass(frozen=True, slots=True)
class Module:
    """A module without its imports and exports: its `body`, and by path the names that it imports."""

    body: str
    exports: tuple[str, ...]
    imports: dict[str, tuple[str, ...]]
    has_private_names: bool

    def exported(self) -> str:
        """The exported names, as an export or an object has them."""
        return f"{{ {', '.join(self.exports)} }}"

    def scoped(self) -> str:
        """The module with only its exports seen outside: in a scope of its own if it has other names."""
        if not self.has_private_names:
            return self.body
        return f"const {self.exported()} = (() => {{\n{self.body}\nreturn {self.exported()};\n}})();"


def _collect(path: str, modules: dict[str, Module], importers: tuple[str, ...]) -> None:
    """Add the modules that `path` needs, and then itself."""
    if path in importers:
        raise ValueError(f"{path} imports itself, by way of {', '.join(importers)}.")
    if path in modules:
        return
    module = _module(path)
    for imported, names in module.imports.items():
        _collect(imported, modules, (*importers, path))
        missing = set(names) - set(modules[imported].exports)
        if missing:
            raise ValueError(f"{path} imports {', '.join(sorted(missing))}, which {imported} does not export.")
    modules[path] = module


@cache
def _module(path: str) -> Module:
    text = files("wsq.views").joinpath(path).read_text("utf-8")
    folder = posixpath.dirname(path)
    imports = {
        posixpath.normpath(posixpath.join(folder, source)): tuple(filter(None, re.split(r"[,\s]+", names)))
        for names, source in _IMPORT.findall(text)
    }
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    body = _BLANK.sub("\n", _INDENT.sub("", _COMMENT.sub("", body))).strip()
    left_over = _LEFT_OVER.search(body)
    if left_over:
        raise ValueError(f"{path} cannot be joined to others: {left_over[0]}")
    return Module(body, tuple(_EXPORT.findall(text)), imports, bool(_PRIVATE.search(text)))
