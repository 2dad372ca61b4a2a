"""The metrics of several processes as one text, each sample with a label that names its process.

Behind one port that several share, whoever scrapes reaches any of them. What Prometheus' text
format asks for is that the lines of a metric stand together, under one head.
"""

from collections.abc import Iterator, Mapping

__all__ = ["merged"]

_HEAD = "# "


def merged(texts: Mapping[str, bytes]) -> bytes:
    """*texts*, as `generate_latest` makes them, by the nodes that they are of."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for node, text in texts.items():
        for name, head, of_it in _families(text.decode()):
            heads.setdefault(name, head)
            samples.setdefault(name, []).extend(_labelled(line, node) for line in of_it)
    lines = [line for name, head in heads.items() for line in (*head, *samples[name])]
    return "".join(f"{line}\n" for line in lines).encode()


def _families(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """The metrics in *text*: name, head and samples."""
    name = ""
    head: list[str] = []
    of_it: list[str] = []
    for line in text.splitlines():
        if line.startswith(f"{_HEAD}HELP "):
            if name:
                yield name, head, of_it
            name, head, of_it = line.split(" ", 3)[2], [line], []
        elif line.startswith(_HEAD):
            head.append(line)
        else:
            of_it.append(line)
    if name:
        yield name, head, of_it


def _labelled(line: str, node: str) -> str:
    """The sample *line* with the label `node` before its own."""
    brace, space = line.find("{"), line.find(" ")
    if 0 <= brace < space:
        return f'{line[:brace]}{{node="{node}",{line[brace + 1 :]}'
    return f'{line[:space]}{{node="{node}"}}{line[space:]}'
