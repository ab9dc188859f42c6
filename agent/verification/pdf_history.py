"""Earlier revisions of one PDF, read once for all of them, so that a file with many signatures costs no square of their number.

pyHanko's difference policy asks for every path by which a changed object was reached in the revision before; its own resolver reads
and copies the whole document anew for each revision to tell.  Here every version of every object is read once, its references are
kept, and only the paths that lead to what was changed are followed.
"""

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader, RawPdfPath

Key: TypeAlias = tuple[int, int]
"""Number and generation of an object."""
Path: TypeAlias = tuple[str | int, ...]
_TRAILER: Key = (-1, -1)
_STRUCTURE: Path = ("/Root", "/StructTreeRoot", "/K")
_PATHS_MAX = 200_000
_NESTING_MAX = 500
_KEPT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Edge:
    """A reference inside an object: where it stands, and to what."""

    path: Path
    child: Key


class Versions:
    """Every version of every object of a file, shared by the views on its revisions."""

    def __init__(self, reader: PdfFileReader, deadline: float) -> None:
        self.reader, self.deadline = reader, deadline
        self._changed: dict[Key, list[int]] = {}
        for revision in range(reader.xrefs.total_revisions):
            for ref in (*reader.xrefs.explicit_refs_in_revision(revision), *reader.xrefs.refs_freed_in_revision(revision)):
                self._changed.setdefault((ref.idnum, ref.generation), []).append(revision)
        self._objects: dict[tuple[Key, int], Any] = {}
        self._edges: dict[tuple[Key, int], tuple[Edge, ...]] = {}
        self._parents: dict[Key, set[tuple[Key, int]]] = {}
        self.appearances: set[Key] = set()
        """Whatever stands as /AP somewhere: how often such a dictionary is used decides over an appearance changed in place."""
        self._linked = False
        self.plain = not (reader.encrypted or reader.xrefs.hybrid_xrefs_present)
        """Whether objects are what the file says: where they are decrypted, or stand in two tables, pyHanko's own slower ways are taken."""

    def changed_in(self, revision: int) -> Iterator[Key]:
        """The objects a revision brings anew, replaces or frees."""
        xrefs = self.reader.xrefs
        return ((r.idnum, r.generation) for r in (*xrefs.explicit_refs_in_revision(revision), *xrefs.refs_freed_in_revision(revision)))

    def version(self, key: Key, revision: int) -> int:
        """The revision whose version of the object is in force at `revision`, or -1 where it is not there yet."""
        changed = self._changed.get(key, [])
        at = bisect_right(changed, revision)
        return changed[at - 1] if at else -1

    def read(self, key: Key, revision: int) -> Any:
        """The object as it stands at `revision`, belonging to the reader; large ones are not kept."""
        version = self.version(key, revision)
        known = self._objects.get((key, version))
        if known is not None:
            return known
        value = self.reader.get_object(generic.Reference(*key, pdf=self.reader), max(version, 0), transparent_decrypt=False)  # type: ignore[no-untyped-call]
        if not isinstance(value, generic.StreamObject) or len(value.encoded_data or b"") <= _KEPT_BYTES:
            self._objects[key, version] = value
        return value

    def edges(self, key: Key, revision: int) -> tuple[Edge, ...]:
        """The references an object holds at `revision`."""
        version = self.version(key, revision)
        if (key, version) not in self._edges:
            self._edges[key, version] = tuple(_references(self.read(key, revision)))
        return self._edges[key, version]

    def ancestors(self, targets: Iterable[Key], revision: int) -> set[Key]:
        """`targets` and all objects from which a chain of references leads to one of them at `revision`."""
        if not self._linked:
            self._link()
        out: set[Key] = set()
        waiting = list(targets)
        while waiting:
            key = waiting.pop()
            if key in out:
                continue
            out.add(key)
            waiting.extend(p for p, version in self._parents.get(key, ()) if p not in out and self.version(p, revision) == version)
        return out

    def _link(self) -> None:
        for key, revisions in self._changed.items():
            if time.process_time() > self.deadline:
                raise PdfReadError("time")
            for revision in revisions:
                for edge in self.edges(key, revision):
                    self._parents.setdefault(edge.child, set()).add((key, revision))
                    if edge.path[-1] == "/AP":
                        self.appearances.add(edge.child)
        self._linked = True


def _references(value: Any) -> Iterator[Edge]:
    """The references inside one object, `/Parent` left out: it only leads back."""
    waiting: list[tuple[Any, Path]] = [(value, ())]
    while waiting:
        node, path = waiting.pop()
        if len(path) > _NESTING_MAX:
            raise PdfReadError("nested too deeply")
        if isinstance(node, generic.IndirectObject):
            yield Edge(path, (node.idnum, node.generation))
        elif isinstance(node, generic.DictionaryObject):
            waiting.extend((v, (*path, k)) for k, v in node.items() if k != "/Parent")
        elif isinstance(node, generic.ArrayObject):
            waiting.extend((v, (*path, n)) for n, v in enumerate(node))


class Revision(HistoricalResolver):
    """One revision as pyHanko's policy wants to see it.  What is not asked for by `wanted` counts as reached by no path: never the laxer answer."""

    def __init__(self, versions: Versions, revision: int) -> None:
        super().__init__(versions.reader, revision)
        self._versions = versions
        self._paths: dict[Key, set[RawPdfPath]] | None = None

    def get_object(self, ref: generic.Reference, as_metadata_stream: bool = False) -> Any:
        """As of its base, but each version of an object is parsed once for all revisions."""
        if as_metadata_stream or not self._versions.plain:
            return super().get_object(ref, as_metadata_stream)
        if ref not in self.cache:
            self.cache[ref] = self._subsume_object(self._versions.read((ref.idnum, ref.generation), self.revision))  # type: ignore[no-untyped-call]
        return self.cache[ref]

    def _load_reverse_xref_cache(self) -> None:
        if not self._versions.plain:
            super()._load_reverse_xref_cache()  # type: ignore[no-untyped-call]
        elif self._paths is None:
            following = self.revision + 1
            wanted = set(self._versions.changed_in(following)) if following < self.reader.xrefs.total_revisions else set()
            near = self._versions.ancestors(wanted | self._versions.appearances, self.revision)
            self._paths = self._paths_to(wanted | self._versions.appearances, near)

    def _get_usages_of_ref(self, ref: generic.Reference) -> set[RawPdfPath]:
        if not self._versions.plain:
            usages: set[RawPdfPath] = super()._get_usages_of_ref(ref)
            return usages
        return (self._paths or {}).get((ref.idnum, ref.generation), set())

    def _paths_to(self, wanted: set[Key], near: set[Key]) -> dict[Key, set[RawPdfPath]]:
        """Every path from the trailer to `wanted`, by the rules of the base: pages are entered by the page tree alone, structure elements by /K."""
        pages, structure = self._page_tree(), self._structure_tree()
        out: dict[Key, set[RawPdfPath]] = {}
        count = 0
        top = tuple(_references(self.trailer_view))
        waiting: list[tuple[tuple[Edge, ...], Path, frozenset[Key]]] = [(top, (), frozenset())]
        while waiting:
            edges, prefix, seen = waiting.pop()
            for edge in edges:
                child = edge.child
                if child not in near or child in seen:
                    continue
                path = prefix + edge.path
                inside = path[:3] == _STRUCTURE
                if inside and "/P" in path[3:]:
                    continue
                count += 1
                if count > _PATHS_MAX or time.process_time() > self._versions.deadline:
                    raise PdfReadError("too many paths")
                if child in wanted:
                    out.setdefault(child, set()).add(RawPdfPath(*path))
                if pages.get(child, path) != path or (not inside and child in structure):
                    continue
                waiting.append((self._versions.edges(child, self.revision), path, seen | {child}))
        return out

    def _page_tree(self) -> Mapping[Key, Path]:
        out: dict[Key, Path] = {}
        waiting: list[tuple[Any, Path]] = [(self.root.raw_get("/Pages"), ("/Root", "/Pages"))]
        while waiting:
            node, path = waiting.pop()
            if isinstance(node, generic.IndirectObject):
                key = (node.idnum, node.generation)
                if key in out:
                    raise PdfReadError("a page tree that runs in circles")
                out[key] = path
                node = node.get_object()  # type: ignore[no-untyped-call]
            if path == ("/Root", "/Pages") or node.get("/Type") == "/Pages":
                kids = node["/Kids"]
                waiting.extend((kids.raw_get(n), (*path, "/Kids", n)) for n in range(len(kids)))
        return out

    def _structure_tree(self) -> set[Key]:
        out: set[Key] = set()
        if "/StructTreeRoot" not in self.root:
            return out
        waiting = [self.root["/StructTreeRoot"]]
        while waiting:
            node = waiting.pop()
            if "/K" not in node:
                continue
            children = node["/K"]
            count = len(children) if isinstance(children, generic.ArrayObject) else 0
            for child in [children.raw_get(n) for n in range(count)] if count else [node.raw_get("/K")]:
                key = (child.idnum, child.generation) if isinstance(child, generic.IndirectObject) else None
                element = child.get_object() if key else child
                if not isinstance(element, generic.DictionaryObject) or element.get("/Type", "/StructElem") != "/StructElem":
                    continue
                if key in out:
                    raise PdfReadError("a structure tree that runs in circles")
                if key is not None:
                    out.add(key)
                waiting.append(element)
        return out


class Pages:
    """Which pages nothing that came later can have touched: the objects each one is drawn from are those of the earlier revision."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._newest = versions.reader.xrefs.total_revisions - 1
        tree = Revision(versions, self._newest)._page_tree()
        inner = {path[:n] for path in tree.values() for n in range(len(path))}
        leaves = [(tuple(p for p in path if isinstance(p, int)), key) for key, path in tree.items() if path not in inner]
        self._tree = tree
        self._leaves = [key for _, key in sorted(leaves)]
        self._drawn_from = [self._reach([key]) for key in self._leaves]
        above = [e.child for key in set(tree) - set(self._leaves) for e in versions.edges(key, self._newest) if e.path[0] != "/Kids"]
        self._shared = self._reach(above) | (set(tree) - set(self._leaves))

    def _reach(self, start: Iterable[Key]) -> set[Key]:
        """Everything that can be reached from `start` but by way of other pages."""
        out, waiting = set(start), list(start)
        while waiting:
            if time.process_time() > self._versions.deadline:
                raise PdfReadError("time")
            for edge in self._versions.edges(waiting.pop(), self._newest):
                if edge.child not in out and edge.child not in self._tree:
                    out.add(edge.child)
                    waiting.append(edge.child)
        return out

    def untouched(self, since: int, count: int) -> frozenset[int]:
        """Indices of the pages that revisions after `since` left alone; none where this is not sure, or where there are not `count` pages."""
        versions = self._versions
        changed = {key for n in range(since + 1, self._newest + 1) for key in versions.changed_in(n)}
        if len(self._leaves) != count or changed & self._shared or Revision(versions, since)._page_tree() != self._tree:
            return frozenset()
        return frozenset(n for n, keys in enumerate(self._drawn_from) if not keys & changed)
