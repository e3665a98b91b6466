"""stormtag from Python, by ctypes: prints an event with what is known of it. Usage: enrich.py stormtag.toml"""

import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_size_t, c_void_p

library = ctypes.CDLL("libstormtag.so.1")
library.stormtag_last_error.restype = c_char_p
library.stormtag_open.argtypes = [c_char_p, POINTER(c_void_p)]
library.stormtag_worker_open.argtypes = [c_void_p, POINTER(c_void_p)]
library.stormtag_enrich_json.argtypes = [c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_size_t)]
library.stormtag_worker_close.argtypes = library.stormtag_close.argtypes = [c_void_p]


class Error(Exception):
    """What the library says of a call that failed."""


def check(status: int) -> None:
    if status:
        raise Error(library.stormtag_last_error().decode())


class Worker:
    """One for each thread. ctypes lets go of the interpreter's lock during a call."""

    def __init__(self, config: c_void_p):
        self._worker = c_void_p()
        check(library.stormtag_worker_open(config, byref(self._worker)))

    def enrich_json(self, line: bytes) -> tuple[bytes, bool]:
        out, length, matched = c_void_p(), c_size_t(), c_size_t()
        check(library.stormtag_enrich_json(self._worker, line, len(line), byref(out), byref(length), byref(matched)))
        # Copied: it stays until the next call only.
        return ctypes.string_at(out, length.value), bool(matched.value)

    def close(self) -> None:
        check(library.stormtag_worker_close(self._worker))


if __name__ == "__main__":
    config = c_void_p()
    check(library.stormtag_open(sys.argv[1].encode(), byref(config)))
    worker = Worker(config)
    event, matched = worker.enrich_json(b'{"ts":1705081509,"query":"www.harvest-mail.example"}')
    assert matched
    print(event.decode())
    worker.close()
    check(library.stormtag_close(config))
