"""YAML with positions: plain values out, and the line every key and item stands on.

PyYAML silently keeps the last of two equal keys and turns ``2026-11-24`` into a date and ``=``
into an error. Here a repeated key is a fault, and whatever is not a number, a boolean or null
stays text, for the schema to judge.
"""

from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Where a value stands: keys and list indexes from the root."""

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")
)


class YamlError(Exception):
    """The text is not acceptable YAML. ``line`` is 1-based within the text."""

    def __init__(self, message: str, line: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.hint = hint


class Positions:
    """Lines of keys and items, found by path; a missing path answers with its nearest parent."""

    def __init__(self) -> None:
        self._lines: dict[Path, int] = {}

    def put(self, path: Path, line: int) -> None:
        """Remember the 1-based line of ``path``; the first answer (the key's line) stays."""
        self._lines.setdefault(path, line)

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest part above it that exists."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]


def read_yaml(text: str) -> tuple[Any, Positions]:
    """Parse one YAML document.

    Raises:
        YamlError: bad syntax, a repeated key, an alias, or absurd nesting.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            reader = _Reader(loader)
            return reader.value(loader.get_single_node(), ()), reader.positions
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "unreadable"
        raise YamlError(
            f"not valid YAML: {problem}",
            mark.line + 1 if mark else 1,
            'put operators and texts in quotes, e.g. op: ">="',
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError("not valid YAML: a control character", line) from error
    except RecursionError as error:
        raise YamlError("nested too deeply", 1) from error


class _Reader:
    """Walks PyYAML's node tree, which still knows lines and repeated keys."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.positions = Positions()
        self._loader = loader
        self._seen: set[int] = set()

    def value(self, node: Any, path: Path) -> Any:
        if node is None:
            return None
        line = node.start_mark.line + 1
        self.positions.put(path, line)
        if id(node) in self._seen:
            raise YamlError("anchors and aliases (& and *) are not allowed here", line)
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if node.tag not in _PLAIN_TAGS:
            return node.value
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError) as error:
            raise YamlError(f"not valid YAML: {node.value[:40]!r}", line) from error

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError("a key must be a word", line)
            key = key_node.value
            if key in result:
                raise YamlError(f"key '{key}' stands twice", line, "keep one of the two")
            self.positions.put((*path, key), line)
            result[key] = self.value(value_node, (*path, key))
        return result
