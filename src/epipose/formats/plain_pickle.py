"""Pickles of NumPy arrays, dicts, lists, texts and numbers, read without Python's unpickler.

A pickle is a program for a machine with a stack, and Python's own machine calls whatever the program names: code of a
stranger, or NumPy's constructors with sizes and types that crash the process. Here the few instructions that plain values
need are carried out, and nothing is called: the names that NumPy's pickles have (its array, its type of numbers) stand
for values that this module builds itself, from bytes whose number has to fit. Everything else is refused.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

_VALUES = frozenset(  # instructions whose argument is the value
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
}  # fmt: skip
_IGNORED = frozenset({"PROTO", "FRAME"})
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_ENCODE, _ARRAY, _TYPE = "_codecs.encode", "numpy.ndarray", "numpy.dtype"
_EMPTY, _FROM_BYTES = "numpy._core.multiarray._reconstruct", "numpy._core.numeric._frombuffer"
_NO_BYTES = "__builtin__.bytes"  # how protocols before 3 write b""
_KNOWN = frozenset({_ENCODE, _NO_BYTES, _ARRAY, _TYPE, _EMPTY, _FROM_BYTES})
_NUMBERS = re.compile(r"[fiu][1248]|b1")
_OBJECTS = re.compile(r"O[48]?")


class _Name(NamedTuple):
    """A name that a pickle gives; it is never looked up."""

    name: str


class _Type:
    """NumPy's type of an array: the letter and size that it is called by, and the order of its bytes."""

    def __init__(self, name: str) -> None:
        self.name, self.order = name, "="

    def numpy(self) -> np.dtype:
        """The type; ValueError for all but numbers."""
        if not _NUMBERS.fullmatch(self.name):
            raise ValueError(f"an array of type {self.name!r}, expected numbers")
        return np.dtype(self.order + self.name)


class PickledArray:
    """An array of a pickle: of numbers (`numbers`) or of plain values (`values`)."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = (0,)
        self._type, self._fortran, self._content = _Type("b1"), False, b""

    def fill(self, shape: Any, kind: Any, fortran: Any, content: Any) -> None:
        """Take what a pickle states; ValueError for what cannot be an array."""
        whole = isinstance(shape, tuple) and len(shape) <= 32 and all(type(n) is int and n >= 0 for n in shape)
        if not whole or not isinstance(kind, _Type) or not isinstance(content, bytes | list):
            raise ValueError("an array without shape, type or content")
        self._shape, self._type, self._fortran, self._content = shape, kind, bool(fortran), content

    def numbers(self) -> np.ndarray:
        """The array; ValueError where it is none of numbers, or has another count of bytes than its shape needs."""
        kind, count = self._type.numpy(), math.prod(self._shape)
        if not isinstance(self._content, bytes) or len(self._content) != count * kind.itemsize:
            raise ValueError(f"an array of shape {self._shape} and type {kind} has other bytes than it needs")
        return np.frombuffer(self._content, kind).reshape(self._shape, order="F" if self._fortran else "C")

    def values(self) -> list[Any]:
        """The plain values of an array of objects; ValueError where it is none."""
        if not _OBJECTS.fullmatch(self._type.name) or not isinstance(self._content, list):
            raise ValueError(f"an array of type {self._type.name!r}, expected one of objects")
        return self._content


class _Machine:
    """The stack, the marks on it, and what the pickle remembers by number."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}

    def step(self, code: str, argument: Any) -> None:
        """Carry out one instruction; ValueError for those that plain values do not need."""
        if code in _VALUES:
            self.stack.append(bytes(argument) if isinstance(argument, bytearray) else argument)
        elif code in _CONSTANTS:
            self.stack.append(_CONSTANTS[code]())
        elif code in _TUPLES:
            self.stack.append(tuple(self._taken(len(self.stack) - _TUPLES[code])))
        elif code == "MARK":
            self._marks.append(len(self.stack))
        elif code in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memory[len(self._memory) if code == "MEMOIZE" else int(argument)] = self.stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self._memory[int(argument)])
        elif code in ("GLOBAL", "STACK_GLOBAL"):
            words = argument.split(" ") if code == "GLOBAL" else self._taken(len(self.stack) - 2)
            self.stack.append(_known(*words))
        elif code in ("REDUCE", "BUILD"):
            of, with_ = self._taken(len(self.stack) - 2)
            self.stack.append(_made(of, with_) if code == "REDUCE" else _completed(of, with_))
        elif code not in _IGNORED:
            self._gather(code)

    def _gather(self, code: str) -> None:
        """Instructions that put what lies on the stack into a list, tuple or dict."""
        one = {"APPEND": 1, "SETITEM": 2}.get(code)
        items = self._taken(self._marks.pop() if one is None else len(self.stack) - one)
        if code in ("LIST", "TUPLE"):
            self.stack.append(items if code == "LIST" else tuple(items))
        elif code in ("APPEND", "APPENDS") and isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)
        elif code == "DICT":
            self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))
        elif code in ("SETITEM", "SETITEMS") and isinstance(self.stack[-1], dict):
            self.stack[-1].update(zip(items[::2], items[1::2], strict=True))
        else:
            raise ValueError(f"it has the instruction {code}, which plain values do not need: do not trust it")

    def _taken(self, start: int) -> list[Any]:
        if not 0 <= start <= len(self.stack):
            raise ValueError("it takes more from its stack than there is")
        taken = self.stack[start:]
        del self.stack[start:]
        return taken


def plain_pickle(content: bytes) -> Any:
    """The value of a pickle, its arrays as `PickledArray`.

    Raises ValueError for one that asks for anything else, and that, TypeError or LookupError for a damaged one: call it
    under `epipose.io.guard.reading`.
    """
    machine = _Machine()
    for instruction, argument, _ in pickletools.genops(content):
        if instruction.name == "STOP":
            (value,) = machine.stack
            return value
        machine.step(instruction.name, argument)
    raise ValueError("it has no end")


def _known(module: Any, name: Any) -> _Name:
    """A name as NumPy 2 has it (NumPy 1 calls _core core); ValueError for one that values do not need."""
    found = f"{module}.{name}".replace("numpy.core.", "numpy._core.")
    if found not in _KNOWN:
        raise ValueError(f"it asks for {module}.{name}, which could run any code: do not trust it")
    return _Name(found)


def _made(of: Any, arguments: Any) -> Any:
    """What a name stands for with its arguments; ValueError for others than NumPy's pickles have."""
    if not isinstance(of, _Name) or not isinstance(arguments, tuple):
        raise ValueError("it calls what is no name")
    if of.name == _ENCODE and len(arguments) == 2 and isinstance(arguments[0], str):
        return arguments[0].encode("latin1")
    if of.name == _NO_BYTES and not arguments:
        return b""
    if of.name == _TYPE and arguments and isinstance(arguments[0], str | bytes):
        return _Type(_text(arguments[0]))
    if of.name == _EMPTY:
        return PickledArray()
    if of.name == _FROM_BYTES and len(arguments) == 4:
        array, (content, kind, shape, order) = PickledArray(), arguments
        array.fill(shape, kind, order == "F", content)
        return array
    raise ValueError(f"it has other arguments for {of.name} than NumPy writes")


def _completed(of: Any, state: Any) -> Any:
    """An array or a type with the state that its pickle gives it; ValueError for anything else."""
    if not isinstance(state, tuple):
        raise ValueError("it has a state that is no tuple")
    if isinstance(of, _Type) and len(state) >= 5 and _text(state[1]) in ("<", ">", "=", "|") and not any(state[2:5]):
        of.order = _text(state[1])
    elif isinstance(of, PickledArray) and len(state) == 5:
        content: Sequence[Any] = state[4].encode("latin1") if isinstance(state[4], str) else state[4]
        of.fill(state[1], state[2], state[3], content)
    else:
        raise ValueError("it has a state that NumPy does not write")
    return of


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
