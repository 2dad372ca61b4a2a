"""The image, built without a container engine: `buildah` follows the Dockerfile, in a chroot.

What stands in for the official Python image, which cannot be fetched everywhere, is made the same
way as that one: a bare Debian with the libraries that Python needs, and a Python below `/usr/local`
- ours, the one that runs this. Packages come from a folder that `pip download` has filled, by the
same hashes. Everything else is what the Dockerfile says.

Nothing of this is Kubernetes, and the kernel, its network and its list of processes are the host's.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.ship.manifests import ROOT

__all__ = ["Image", "built", "why_not"]

# Kept from one run to the next; the Dockerfile's own steps are followed each time.
CACHE: Final = ROOT / "build" / "image"

_ENVIRONMENT: Final = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
_TOOLS: Final = ("buildah", "mmdebstrap", "unshare", "chroot")
_NOT_IN_THE_IMAGE: Final = ("site-packages", "test", "idlelib", "tkinter", "__pycache__")

# Read-only comes last: what is mounted below it is mounted before, and stays as it is.
_ENTER: Final = """\
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
mount --rbind /dev {root}/dev
{more}
mount -o remount,bind,ro {root}
exec chroot {root} setpriv --reuid={user} --regid={group} --clear-groups --no-new-privs \
  --bounding-set=-all --inh-caps=-all env --ignore-environment {environment} {command}
"""


def why_not() -> str | None:
    """What is missing on this machine; None if the image can be built."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs Linux, as root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}: apt-get install buildah mmdebstrap"
    if sys.base_prefix == "/usr":
        return "needs a Python that is not the system's own (pyenv's, say): it goes into the image"
    return None


@dataclass(frozen=True)
class Image:
    """An image, and a container of it that nobody has changed."""

    config: Mapping[str, Any]
    root: Path
    """Its files."""
    layers: Sequence[int]
    """The bytes of each, below all the base."""

    def command(
        self,
        arguments: Sequence[str],
        settings: Mapping[str, str],
        *,
        entrypoint: Sequence[str] | None = None,
        files: Mapping[str, Path] | None = None,
        writable: str | None = None,
    ) -> list[str]:
        """Words that run *arguments* in it as a container would, in place of `unshare`.

        It has no root, no capabilities, and no file that it could write - except in the folder
        *writable*, if there is one; *files* are mounted, each at its path.
        """
        user, _, group = self.config["User"].partition(":")
        said = [*(self.config["Entrypoint"] if entrypoint is None else entrypoint), *arguments]
        environment = [
            *self.config["Env"],
            *(f"{name}={value}" for name, value in settings.items()),
        ]
        more = [
            f"mount --bind {shlex.quote(str(source))} {self._place(path)}"
            for path, source in (files or {}).items()
        ]
        if writable is not None:
            options = f"uid={user},gid={group},mode=0700"
            more.append(f"mount -t tmpfs -o {options} tmpfs {self._place(writable, folder=True)}")
        script = _ENTER.format(
            root=self.root, more="\n".join(more), user=user, group=group,
            environment=shlex.join(environment), command=shlex.join(said),
        )  # fmt: skip
        return ["unshare", "--mount", "sh", "-c", script]

    def _place(self, path: str, *, folder: bool = False) -> Path:
        """Where something is mounted; who runs containers makes the place in the same way."""
        place = self.root / path.lstrip("/")
        if folder:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        return place


@contextmanager
def built() -> Iterator[Image]:
    """The image of this working copy, while the context lasts."""
    CACHE.mkdir(parents=True, exist_ok=True)
    base, name = _base(), "localhost/ticketing:test"
    if not _has(base):
        _make_base(base)
    _build(_downloaded(), name)
    container = _said("buildah", "from", "--pull-never", name)
    try:
        root = Path(_said("buildah", "mount", container))
        told = json.loads(_said("buildah", "inspect", "--type", "image", name))
        layers = [each["size"] for each in json.loads(told["Manifest"])["layers"]]
        yield Image(told["Docker"]["config"], root, layers)
    finally:
        _said("buildah", "rm", container)


def _base() -> str:
    """What the Dockerfile begins with."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (tag,) = (line.partition("PYTHON=")[2] for line in lines if line.startswith("ARG PYTHON="))
    return f"docker.io/library/python:{tag}"


def _has(image: str) -> bool:
    found = subprocess.run(  # noqa: S603
        ["buildah", "inspect", "--type", "image", image],  # noqa: S607
        capture_output=True, env=_ENVIRONMENT, check=False,
    )  # fmt: skip
    return found.returncode == 0


def _make_base(name: str) -> None:
    debian, python = CACHE / "debian.tar", CACHE / "python"
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    packages = ("ca-certificates", "netbase", "tzdata", *_libraries())
    _said("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}",
          release, str(debian))  # fmt: skip
    _copy_python(python)
    container = _said("buildah", "from", "scratch")
    _said("buildah", "add", "--quiet", container, str(debian), "/")
    _said("buildah", "add", "--quiet", container, str(python), "/usr/local")
    _said("buildah", "run", container, "--", "ldconfig")
    _said("buildah", "run", container, "--", "python3", "-m", "ensurepip", "--default-pip")
    _said("buildah", "commit", "--quiet", "--rm", container, name)
    debian.unlink()
    shutil.rmtree(python)


def _copy_python(target: Path) -> None:
    """The Python that runs this, without its tests and without what was installed into it."""
    prefix = Path(sys.base_prefix)
    library = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.rmtree(target, ignore_errors=True)
    unwanted = shutil.ignore_patterns(*_NOT_IN_THE_IMAGE)
    shutil.copytree(
        prefix / "lib" / library, target / "lib" / library, symlinks=True, ignore=unwanted
    )
    for pattern in ("bin/python*", "lib/libpython*"):
        for found in prefix.glob(pattern):
            place = target / found.relative_to(prefix)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, place, follow_symlinks=False)


def _libraries() -> list[str]:
    """The Debian packages with the libraries that this Python is linked to."""
    modules = Path(sys.base_prefix).glob("lib/python3.*/lib-dynload/*.so")
    linked = {
        Path(line.split("=> ")[1].split()[0]).resolve()
        for module in modules if not module.name.startswith("_tkinter")
        for line in _said("ldd", str(module)).splitlines() if "=> /" in line
    }  # fmt: skip
    system = [str(each) for each in linked if not each.is_relative_to(sys.base_prefix)]
    # Packages older than the merge of /lib into /usr/lib know their files by the former name.
    names = [*system, *(each.removeprefix("/usr") for each in system)]
    owners = subprocess.run(["dpkg", "-S", *names], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return sorted({line.split(":")[0] for line in owners.stdout.splitlines()})


def _downloaded() -> Path:
    """A folder with the locked packages, for a build that needs no network."""
    folder = CACHE / "packages"
    lock = ROOT / "requirements.lock"
    _said(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
          "--only-binary", ":all:", "--requirement", str(lock), "--dest", str(folder))  # fmt: skip
    (CACHE / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /packages\n")
    return folder


def _build(packages: Path, name: str) -> None:
    _said("buildah", "bud", "--quiet", "--format=docker", "--pull-never", "--no-cache",
          f"--volume={packages}:/packages:ro", f"--volume={CACHE}/pip.conf:/etc/pip.conf:ro",
          f"--tag={name}", str(ROOT))  # fmt: skip


def _said(*words: str) -> str:
    """What a command prints; what it complains about, if it fails."""
    ran = subprocess.run(words, capture_output=True, text=True, env=_ENVIRONMENT, check=False)  # noqa: S603
    assert ran.returncode == 0, f"{shlex.join(words)}\n{ran.stdout[-2000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout.strip()
