"""nginx's configuration language."""

from __future__ import annotations


def lines(*directives: str) -> str:
    """Directives, each ended; a block needs no end."""
    return "\n".join(d if d.endswith("}") else f"{d};" for d in directives)


def block(opening: str, directives: list[str], *blocks: str) -> str:
    inner = "\n".join([lines(*directives), *blocks])
    return f"{opening} {{\n{indent(inner)}\n}}"


def server(directives: list[str], *blocks: str) -> str:
    return block("server", directives, *blocks)


def inline(opening: str, directive: str) -> str:
    return f"{opening} {{ {directive}; }}"


def indent(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())
