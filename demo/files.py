"""What `up` writes below the cluster's directory."""

from __future__ import annotations

import io
import os
import secrets
import shlex
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from demo import machine, templates
from demo.spec import Spec

SERVICES = Path(__file__).parent / "services"


def write_all(spec: Spec, keys: Path | None) -> None:
    spools = (f"spool/{node.name}" for node in spec.nodes)
    for name in ("etc", "log", "state", "spool", *spools, "keys"):
        (spec.directory / name).mkdir(exist_ok=True)
    _write_munge_key(spec)
    _write_keys(spec, keys)
    _write_configuration(spec)
    write_home(spec)


def _write_munge_key(spec: Spec) -> None:
    path = spec.directory / "etc" / "munge.key"
    if not path.exists():
        _write_private(path, secrets.token_bytes(128))


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)


def _write_keys(spec: Spec, exported: Path | None) -> None:
    """Client and host key. An exported pair is used again, so that a recorded host key
    stays right after `down` and `up`."""
    folder = spec.directory / "keys"
    for name, foreign in (("id_ed25519", "demo_key"), ("host_ed25519", "demo_host_key")):
        key = folder / name
        kept = exported / foreign if exported else None
        if kept and kept.exists():
            _write_private(key, kept.read_bytes())
        elif not key.exists():
            comment = f"demo-{spec.tag}"
            machine.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key)]
            )
        public = machine.run(["ssh-keygen", "-y", "-f", str(key)])
        key.with_suffix(".pub").write_text(public)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            _write_private(kept, key.read_bytes())
    shutil.copy(folder / "id_ed25519.pub", folder / "authorized_keys")


def _write_configuration(spec: Spec) -> None:
    etc = spec.directory / "etc"
    (etc / "slurm.conf").write_text(templates.slurm_conf(spec))
    (etc / "gres.conf").write_text(templates.gres_conf())
    (etc / "hosts").write_text(templates.hosts_file(spec))
    for host in spec.host_names:
        (etc / f"sshd_config.{host}").write_text(templates.sshd_config(spec, host))


def write_home(spec: Spec) -> None:
    """The login user's home: the example services, and the interpreter they run with."""
    os.chown(spec.home, spec.uid, -1)
    sources = [path for path in SERVICES.iterdir() if path.is_file()]
    scripts = {path.name: path.read_bytes() for path in sources if path.suffix == ".sh"}
    modules = {f"services/{p.name}": p.read_bytes() for p in sources if p.suffix != ".sh"}
    _give(spec, {**scripts, **modules, "python.env": _python_env(spec).encode()})


def _give(spec: Spec, contents: Mapping[str, bytes]) -> None:
    """Written as the user: root would follow links that the user has put there."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(_directory("services"))  # itself an entry: tar replaces a link of that name
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(content))
    argv = ["runuser", "-u", spec.user, "--", "tar", "-x", "-m", "-C", str(spec.home)]
    machine.run(argv, data=archive.getvalue())


def _directory(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    return entry


def _python_env(spec: Spec) -> str:
    # In the shape `host` the nodes are this machine, which may have other users and networks.
    address = spec.nodes[0].address if spec.shape == "host" else "0.0.0.0"
    settings = {"DEMO_PYTHON": spec.python.argv0, "PYTHONUNBUFFERED": "1"}
    settings["DEMO_ADDRESS"] = address
    # There, 127.0.0.1 is what tunnels lead to; on a real cluster it is an address that they do not.
    settings["DEMO_LOOPBACK"] = "127.0.0.2" if spec.shape == "host" else "127.0.0.1"
    settings |= spec.python.environment
    packages = [str(spec.home), settings.get("PYTHONPATH", "")]
    settings["PYTHONPATH"] = ":".join(filter(None, packages))
    return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in settings.items())


def set_login_noise(spec: Spec, noisy: bool) -> None:
    """Output of login scripts before every command's: bash reads .bashrc under sshd."""
    text = 'echo "*** Welcome to the demo cluster ***"\necho "quota: 3% used" >&2\n'
    content = text.encode() if noisy else b""
    _give(spec, {".bashrc": content, ".profile": content})
