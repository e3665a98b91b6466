"""stormtag from Python, through a pipe: sends events to a program and reads them enriched. Usage: pipe.py stormtag -c stormtag.toml enrich"""

import subprocess
import sys
import threading

EVENT = b'{"ts":1705081509,"query":"www.harvest-mail.example"}\n'


def send(to, events) -> None:
    """In a thread of its own: the program may wait until somebody reads before it takes more."""
    with to:
        for event in events:
            to.write(event)


with subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
    sender = threading.Thread(target=send, args=(program.stdin, [EVENT]))
    sender.start()
    for event in program.stdout:
        print(event.decode(), end="")
    sender.join()
sys.exit(program.returncode)
