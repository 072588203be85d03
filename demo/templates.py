"""The configuration files of the cluster's daemons, as text."""

from __future__ import annotations

from demo.spec import Spec

CPUS = 32
MEMORY_MB = 32000
GPUS = 2

SLURM_CONF = """\
ClusterName=demo-{tag}
SlurmctldHost={login}({address})
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket
CredType=cred/munge
CommunicationParameters={communication}
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool/%n
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.%n.pid
SlurmctldLogFile={directory}/log/slurmctld.log
SlurmdLogFile={directory}/log/slurmd.%n.log
SlurmctldDebug=info
SlurmdDebug=info
# Nodes larger than the machine, no cgroups, no accounting.
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
MailProg=/bin/true
SwitchType=switch/none
ReturnToService=2
# Jobs start at once.
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,\
bf_min_age_reserve=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MinJobAge=300
KillWait=5
CompleteWait=0
InactiveLimit=0
SlurmctldTimeout=15
SlurmdTimeout=15
GresTypes=gpu
{nodes}
PartitionName=debug Nodes=ALL Default=YES DefaultTime=60 MaxTime=1440 State=UP
PartitionName=small Nodes={first} MaxCPUsPerNode=1 DefaultTime=60 MaxTime=1440 State=UP
"""

NODE = (
    "NodeName={name} NodeHostname={hostname} NodeAddr={address} Port={port} "
    "CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN"
)

SSHD_CONFIG = """\
{listen}
HostKey {directory}/keys/host_ed25519
PidFile none
# The user may edit the second one, as on any cluster.
AuthorizedKeysFile {directory}/keys/authorized_keys .ssh/authorized_keys
# The cluster's directory may be below a world-writable one such as /tmp.
StrictModes no
UsePAM no
UseDNS no
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowUsers {user}
AllowTcpForwarding yes
AllowStreamLocalForwarding yes
X11Forwarding no
PrintMotd no
SetEnv SLURM_CONF={slurm_conf}
Subsystem sftp internal-sftp
"""


def slurm_conf(spec: Spec) -> str:
    # Slurm binds to what the host's name resolves to, which in a container is not loopback.
    on_loopback = spec.shape == "host" and spec.login.ssh_address == "127.0.0.1"
    return SLURM_CONF.format(
        tag=spec.tag,
        login=spec.login.name,
        address=spec.login.address,
        port=spec.login.control_port,
        directory=spec.directory,
        # On a shared host nothing of the cluster listens beyond loopback.
        communication="NoCtldInAddrAny,NoInAddrAny" if on_loopback else "NoAddrCache",
        nodes="\n".join(_node_line(spec, index) for index in range(len(spec.nodes))),
        first=spec.nodes[0].name,
    )


def _node_line(spec: Spec, index: int) -> str:
    node = spec.nodes[index]
    hostname = spec.login.name if spec.shape == "host" else node.name
    return NODE.format(
        name=node.name,
        hostname=hostname,
        address=node.address,
        port=node.port,
        cpus=CPUS,
        memory=MEMORY_MB,
        gpus=GPUS,
    )


def gres_conf() -> str:
    """Any two device files make two GPUs; these exist in containers too."""
    return "Name=gpu File=/dev/null,/dev/zero\n"


def sshd_config(spec: Spec, host: str) -> str:
    login = spec.login
    on_login = f"ListenAddress {login.ssh_address}:{login.ssh_port}"
    if spec.shape == "hosts":
        on_login = f"Port {login.ssh_port}" if host == login.name else "Port 22"
    return SSHD_CONFIG.format(
        listen=on_login, directory=spec.directory, user=spec.user, slurm_conf=spec.slurm_conf
    )


def hosts_file(spec: Spec) -> str:
    """Node names resolve on every host of the cluster, and nowhere else."""
    lines = ["127.0.0.1 localhost", "::1 localhost", f"{spec.login.address} {spec.login.name}"]
    return "\n".join([*lines, *(f"{node.address} {node.name}" for node in spec.nodes)]) + "\n"
