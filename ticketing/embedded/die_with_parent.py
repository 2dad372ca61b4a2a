"""Becomes another program, which does not outlive the process that asked for it.

    python -I -S die_with_parent.py PARENT_PID SIGNAL UID GID PROGRAM ARGUMENT...

Run as a script, never imported: it is what a child does between fork and exec, done in a process of
its own so that nothing of the parent's (its locks, its threads) can be in the way. UID and GID are
`-` to stay who we are.

On Linux the kernel sends SIGNAL to the program when the *thread* that started it ends, be it by
kill -9. Elsewhere there is no such thing and the program is only started.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    # Python would only note a Ctrl-C for later, and exec would forget it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent_pid, signal_number, uid, gid, *program = arguments
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # After the change of user, which would clear it. It survives exec.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != int(parent_pid):
            sys.exit("the parent ended before it could be watched")
    os.execv(program[0], program)  # noqa: S606 - to become the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
