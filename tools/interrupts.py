"""Lets a script that a signal ends remove its temporary files first, and then die of that signal, so that its caller sees it."""
import contextlib
import os
import signal

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    def __init__(self, number):
        super().__init__(number)
        self.number = number


def interrupt(number, _frame):
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)  # a second one would end the tidying up
    raise Interrupted(number)


@contextlib.contextmanager
def tidied_up():
    """What runs inside is left by an exception where a signal comes. What the caller ignores, nohup's SIGHUP, stays ignored."""
    for ending in ENDING:
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, interrupt)
    try:
        yield
    except Interrupted as end:
        signal.signal(end.number, signal.SIG_DFL)
        os.kill(os.getpid(), end.number)
