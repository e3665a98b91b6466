"""The filter in a runtime of WebAssembly, called as Fluent Bit calls it: the corpus, records as nobody should, files that change, memory.

Usage: module.py MODULE CORPUS_MODULE CORPUS_LIBRARY [INDICATORS...]

MODULE is the filter, CORPUS_MODULE is door/corpus.rs for WebAssembly, CORPUS_LIBRARY the same for the host. For each number of indicators it tells what
memory they take.
"""

import ctypes
import os
import sys
import tempfile
import time

import wasmtime

ENGINE = wasmtime.Engine()
MODULES = {}


class Filter:
    """An instance, as Fluent Bit makes it: no arguments, no environment, and folders under the names that they have."""

    def __init__(self, path, folders, limit=-1):
        if path not in MODULES:
            MODULES[path] = wasmtime.Module.from_file(ENGINE, path)
        self.store = wasmtime.Store(ENGINE)
        self.store.set_limits(memory_size=limit)
        self.log = tempfile.NamedTemporaryFile()
        wasi = wasmtime.WasiConfig()
        wasi.stderr_file = self.log.name
        for folder in folders:
            wasi.preopen_dir(folder, folder)
        self.store.set_wasi(wasi)
        linker = wasmtime.Linker(ENGINE)
        linker.define_wasi()
        self.exports = linker.instantiate(self.store, MODULES[path]).exports(self.store)
        self.memory = self.exports["memory"]
        self.call("_initialize")

    def call(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    def text(self, at):
        """The text at an address, up to its NUL."""
        assert at != 0, "NULL"
        end, size = at, self.memory.data_len(self.store)
        while end < size:
            part = self.memory.read(self.store, end, min(end + 4096, size))
            if 0 in part:
                return bytes(self.memory.read(self.store, at, end + part.index(0)))
            end += len(part)
        raise AssertionError("no NUL")

    def put(self, text):
        at = self.call("malloc", len(text) + 1)
        if at != 0:
            self.memory.write(self.store, text + b"\0", at)
        return at

    def run(self, record, seconds=1_700_000_000):
        """A record through the filter. As Fluent Bit does: the answer is copied before what was handed over is freed."""
        tag, at = self.put(b"tag"), self.put(record)
        answer = self.text(self.call("stormtag_filter", tag, 3, seconds, 5, at, len(record)))
        self.call("free", tag)
        self.call("free", at)
        return answer

    def said(self):
        with open(self.log.name) as log:
            return log.read()

    def mebibytes(self):
        return self.memory.data_len(self.store) / (1 << 20)


def corpus(module, library):
    host = ctypes.CDLL(library)
    for name in ("corpus_next", "corpus_line", "corpus_expected"):
        getattr(host, name).restype = ctypes.c_char_p
    root = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../../.."))
    filter = Filter(module, [root])
    count = changed = 0
    while (name := host.corpus_next()) is not None:
        assert filter.text(filter.call("corpus_next")) == name
        line, expected = host.corpus_line(), host.corpus_expected()
        answer = filter.run(line, host.corpus_seconds())
        assert answer == expected, f"{name.decode()}\n{answer.decode()}\n{expected.decode()}"
        count += 1
        changed += answer != line
    assert filter.call("corpus_next") == 0
    assert changed > 100, changed
    print(f"corpus: {count} events, byte for byte as on the host, {changed} of them enriched")


def configured(folder, indicators, more=""):
    with open(os.path.join(folder, "feed.txt"), "w") as feed:
        feed.writelines(f"{name}\n" for name in indicators)
    with open(os.path.join(folder, "stormtag.toml"), "w") as config:
        config.write(f'{more}\n[reload]\ndebounce = "0s"\npoll = "10ms"\n[[feed]]\npath = "feed.txt"\nsource = "sample"\n')
    rest()


def rest():
    """Until the filter looks again."""
    time.sleep(0.02)


EVIL = b'{"query":"www.evil.example","port":443}'


def files(module):
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        filter = Filter(module, [])
        assert filter.run(EVIL) == EVIL == filter.run(EVIL)
        assert filter.said().count("no stormtag.toml") == 1, filter.said()

        # The second folder has it; and there is one that cannot be used.
        configured(folder, ["evil.example"])
        filter = Filter(module, [other, folder])
        answer = filter.run(EVIL)
        assert b'"provider":"sample"' in answer and answer.startswith(EVIL[:-1]), answer
        assert "indicators in force" in filter.said(), filter.said()
        assert filter.run(b'{"query":"good.example"}') == b'{"query":"good.example"}'

        configured(folder, ["other.example"])
        assert filter.run(EVIL) == EVIL
        assert b'"provider":"sample"' in filter.run(b'{"query":"other.example"}')
        assert "published generation" in filter.said(), filter.said()
        os.remove(os.path.join(folder, "feed.txt"))
        rest()
        assert b'"provider":"sample"' in filter.run(b'{"query":"other.example"}'), "the last good snapshot stays"
        assert filter.said().count("failed, the last good snapshot stays") == 1, filter.said()

        filter = Filter(module, [folder])
        assert filter.run(EVIL) == EVIL
        assert "feed.txt" in filter.said() and "records pass as they are" in filter.said(), filter.said()
    print("files: found, followed, missed")


def hostile(module):
    with tempfile.TemporaryDirectory() as folder:
        configured(folder, ["evil.example"])
        filter = Filter(module, [folder])
        deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
        large = b'{"query":"www.evil.example","message":"' + b"a" * (10 << 20) + b'"}'
        for record in [b"", b"no JSON", b"[1,2]", b'{"query":"www.evil.example"', b'{"query":"\xff\xfe.evil.example"}', b"\xff" * 100, deep]:
            assert filter.run(record) == record, record[:50]
        assert filter.run(b'{"query":"www.evil.example\0"}') == b'{"query":"www.evil.example', "up to the NUL, as Fluent Bit reads"
        answer = filter.run(large)
        assert answer.startswith(large[:-1]) and b'"provider":"sample"' in answer[len(large) - 1 :]
        assert b"no memory" in filter.text(filter.call("stormtag_filter", 0, 0, 0, 0, 0, 10))
        before = filter.mebibytes()
        for _ in range(20):
            filter.run(large)
        assert filter.mebibytes() <= before, "memory grows"
        assert b'"provider":"sample"' in filter.run(EVIL)

        # Not enough memory to load: one trap, then records as they are.
        configured(folder, (f"n{number}.example" for number in range(200_000)))
        filter = Filter(module, [folder], limit=24 << 20)
        try:
            filter.run(EVIL)
            raise AssertionError("there was memory")
        except wasmtime.Trap:
            pass
        assert filter.run(EVIL) == EVIL == filter.run(EVIL)
        assert filter.said().count("a trap ended loading") == 1, filter.said()

        # Enough to load, not enough to load more: the last good snapshot stays.
        configured(folder, ["evil.example"])
        filter = Filter(module, [folder], limit=24 << 20)
        assert b'"provider":"sample"' in filter.run(EVIL)
        configured(folder, (f"n{number}.example" for number in range(200_000)))
        try:
            filter.run(EVIL)
            raise AssertionError("there was memory")
        except wasmtime.Trap:
            pass
        assert b'"provider":"sample"' in filter.run(EVIL)
    print("hostile records and too little memory: as they came")


def memory(module, count):
    with tempfile.TemporaryDirectory() as folder:
        configured(folder, (f"name-{number}.sample-{number % 1000}.example" for number in range(count)))
        filter = Filter(module, [folder])
        start = time.monotonic()
        filter.run(EVIL)
        loaded, took = filter.mebibytes(), time.monotonic() - start
        rest()
        start = time.monotonic()
        filter.run(EVIL)
        look = time.monotonic() - start
        with open(os.path.join(folder, "feed.txt"), "a") as feed:
            feed.write("evil.example\n")
        rest()
        answer = filter.run(EVIL)
        assert b'"provider":"sample"' in answer
        print(f"{count} indicators: {loaded:.1f} MiB after {took:.1f} s, {filter.mebibytes():.1f} MiB after a reload; a look {look * 1000:.1f} ms")


if __name__ == "__main__":
    module, corpus_module, library, *counts = sys.argv[1:]
    files(module)
    hostile(module)
    corpus(corpus_module, library)
    for count in counts or ["0"]:
        memory(module, int(count))
