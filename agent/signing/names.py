"""Which output belongs to which input, and in which format: decided from names alone, before anything is opened for good."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agent.api.errors import ApiError, Code
from agent.api.uris import to_uri

Format: TypeAlias = Literal["pades", "cades"]
HEAD: Final = 1024
"""A PDF announces itself within so many bytes (ISO 32000-1, annex H, note 13)."""
_PDF_ENDING: Final = ".pdf"


@dataclass(frozen=True, slots=True)
class Output:
    """One document of a set: where it comes from, where its signature goes.  Paths are absolute (undecodable bytes as surrogates)."""

    input: str
    output: str
    format: Format

    @property
    def name(self) -> str:
        """The input's file name."""
        return os.path.basename(self.input)

    @property
    def input_uri(self) -> str:
        """The input as a file URI."""
        return to_uri(self.input)

    @property
    def output_uri(self) -> str:
        """The output as a file URI."""
        return to_uri(self.output)


def outputs(inputs: Sequence[str], format: Format | None = None, out: str | None = None, out_dir: str | None = None) -> tuple[Output, ...]:
    """The set's documents with their outputs.

    The default is ``NAME.signed.pdf`` or ``NAME.p7s`` beside the input, or in `out_dir`; `out` names the output of a single input.
    Raises `ApiError`: usage (`out` with several inputs, or with `out_dir`; the same input twice), output_exists (two inputs
    would get the same output).
    """
    if not inputs:
        raise ApiError(Code.NOTHING_TO_DO)
    if out is not None and (len(inputs) > 1 or out_dir is not None):
        raise ApiError(Code.USAGE, reason="out", detail="--out")
    if len(set(map(os.path.normpath, inputs))) != len(inputs):
        raise ApiError(Code.USAGE, reason="twice", detail=_first_double(list(map(os.path.normpath, inputs))))
    made: list[Output] = []
    for path in inputs:
        kind = format or kind_of(path)
        folder = os.path.dirname(path) if out_dir is None else out_dir
        made.append(Output(path, out if out is not None else os.path.join(folder, output_name(os.path.basename(path), kind)), kind))
    names = [os.path.normpath(each.output) for each in made]
    if len(set(names)) != len(names):
        raise ApiError(Code.OUTPUT_EXISTS, reason="same", name=os.path.basename(_first_double(names)))
    return tuple(made)


def _first_double(values: list[str]) -> str:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    raise ValueError("no value comes twice")


def output_name(name: str, kind: Format) -> str:
    """The output's file name for an input's."""
    if kind == "cades":
        return name + ".p7s"
    stem = name[: -len(_PDF_ENDING)] if name.lower().endswith(_PDF_ENDING) and len(name) > len(_PDF_ENDING) else name
    return stem + ".signed.pdf"


def kind_of(path: str) -> Format:
    """PAdES for what is called a PDF or announces itself as one, CAdES for all else; a file that cannot be read is judged by its name."""
    if path.lower().endswith(_PDF_ENDING):
        return "pades"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC) if os.path.isfile(path) else None
    except OSError:
        return "cades"
    if fd is None:
        return "cades"
    try:
        return "pades" if b"%PDF-" in os.pread(fd, HEAD, 0) else "cades"
    except OSError:
        return "cades"
    finally:
        os.close(fd)
