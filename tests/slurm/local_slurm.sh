#!/usr/bin/env bash
# A real SLURM on loopback for tests, wholly inside one folder; no systemd, no cgroups, no root needed.
#   local_slurm.sh start DIR NODES OWNER   DIR/slurm.conf then serves sbatch and its like; stops when process OWNER ends
#   local_slurm.sh lose DIR NODE           kills the node's daemon and all that runs there, as if its power failed
#   local_slurm.sh node DIR NODE           the node is back
#   local_slurm.sh restart DIR             kills the controller and the daemon of n1, not the jobs, and starts them again
#   local_slurm.sh stop DIR
# Status 3 with a line on standard error: SLURM's programs are not here, or do not start.
set -u
PATH=$PATH:/usr/sbin:/sbin
readonly dir=$2 cpus=2
export SLURM_CONF=$dir/slurm.conf
host=$(uname -n)
host=${host%%.*}

give_up() {
  echo "local_slurm: $*" >&2
  exit 3
}

listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# $1 ports in a row on which nothing listens; prints the first.
free_ports() {
  local first offset
  for ((first = 20000 + $$ % 9000; first < 32000; first += 10)); do
    for ((offset = 0; offset < $1; offset++)); do
      listens $((first + offset)) && continue 2
    done
    echo "$first"
    return
  done
  give_up "no free ports between 20000 and 32000"
}

write_config() {
  local nodes=$1 port node
  mkdir -p "$dir"/{state,log,pid,tmp} || give_up "$dir: cannot be made"
  chmod 0755 "$dir" "$dir/pid" "$dir/log" # munged refuses folders that others can write
  (umask 077 && head -c 64 /dev/urandom >"$dir/munge.key")
  port=$(free_ports $((nodes + 1))) || exit
  : >"$dir/plugstack.conf"
  # Named although unused: slurmd starts its cgroup plugin whatever the task plugin is, and only this one starts anywhere.
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$dir/cgroup.conf"
  cat >"$SLURM_CONF" <<CONF
ClusterName=neurosweep
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
# A requeued job waits until its old credential has expired; less than 5 s is taken for the default of 120 s.
AuthInfo=socket=$dir/munge.socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
# A folder of its own for each node: PMIx names its files there by job and step only.
TmpFS=$dir/tmp/%n
SlurmctldPidFile=$dir/pid/slurmctld.file
SlurmdPidFile=$dir/pid/slurmd.%n.file
PlugStackConfig=$dir/plugstack.conf
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=2
MinJobAge=900
PartitionName=batch Nodes=ALL Default=YES PriorityTier=1 MaxTime=INFINITE DefaultTime=10 State=UP
PartitionName=urgent Nodes=ALL PriorityTier=9 PreemptMode=OFF MaxTime=INFINITE DefaultTime=10 State=UP
CONF
  for ((node = 1; node <= nodes; node++)); do
    mkdir -p "$dir/tmp/n$node" "$dir/spool.n$node"
    echo "NodeName=n$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + node)) CPUs=$cpus CoresPerSocket=$cpus State=UNKNOWN"
  done >>"$SLURM_CONF"
}

# Starts a daemon in the foreground of a session of its own, so that its process number is known from the start.
start_daemon() {
  local name=$1
  shift
  setsid "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/pid/$name"
}

start_node() { start_daemon "slurmd.$1" slurmd -D -N "$1" -f "$SLURM_CONF"; }
start_controller() { start_daemon slurmctld slurmctld -D -f "$SLURM_CONF"; }

wait_for() {
  local what=$1 tries
  shift
  for ((tries = 0; tries < 100; tries++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  tail -n 5 "$dir"/log/* >&2
  "$0" stop "$dir"
  give_up "$what within 10 s"
}

munge_answers() { munge --socket="$dir/munge.socket" --no-input | unmunge --socket="$dir/munge.socket"; }
all_idle() { [ "$(sinfo --noheader --format=%T | sort -u)" = idle ]; }

start() {
  local nodes=$1 owner=$2 program node
  for program in munged slurmctld slurmd sbatch srun scontrol; do
    command -v "$program" >/dev/null || give_up "no $program here (Debian: slurmctld slurmd slurm-client munge)"
  done
  write_config "$nodes"
  start_daemon munged munged --foreground --key-file="$dir/munge.key" --socket="$dir/munge.socket" \
    --pid-file="$dir/pid/munged.file" --log-file="$dir/log/munged.own.log" --seed-file="$dir/munge.seed"
  wait_for "munged did not answer" munge_answers
  start_controller
  for ((node = 1; node <= nodes; node++)); do start_node "n$node"; done
  wait_for "the nodes did not become idle" all_idle
  setsid "$0" guard "$dir" "$owner" >/dev/null 2>&1 </dev/null &
}

# Whether process $1 belongs to this cluster's jobs: a step daemon, or what a job started.
is_ours() {
  local settings
  settings=$(tr '\0' '\n' 2>/dev/null <"/proc/$1/environ") || return 1
  grep -qxF "SLURM_CONF=$SLURM_CONF" <<<"$settings" || return 1
  grep -q '^SLURM_JOB_ID=' <<<"$settings" || [ "$(cat "/proc/$1/comm" 2>/dev/null)" = slurmstepd ]
}

stop_daemon() {
  local pid tries
  pid=$(cat "$1" 2>/dev/null) && grep -qF "$dir" "/proc/$pid/cmdline" 2>/dev/null || return
  kill -TERM "$pid" 2>/dev/null
  for ((tries = 0; tries < 30; tries++)); do
    grep -qF "$dir" "/proc/$pid/cmdline" 2>/dev/null || return
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null
}

# Processes of the cluster's jobs on node $1; with $2 = parents, the step daemons that started them.
of_node() {
  local process
  for process in /proc/[0-9]*; do
    is_ours "${process#/proc/}" && grep -zqx "SLURMD_NODENAME=$1" "$process/environ" 2>/dev/null || continue
    if [ "${2:-}" = parents ]; then
      process=/proc/$(awk '/^PPid:/ {print $2}' "$process/status" 2>/dev/null)
      [ "$(cat "$process/comm" 2>/dev/null)" = slurmstepd ] || continue
    fi
    echo "${process#/proc/}"
  done
}

lose() {
  # shellcheck disable=SC2046
  kill -KILL "$(cat "$dir/pid/slurmd.$1")" $(of_node "$1" parents) $(of_node "$1")
  scontrol update nodename="$1" state=down reason=lost
}

# The controller writes its state some seconds after a change; a job that started since then is unknown after a kill.
state_is_written() {
  local mark=written-$RANDOM job
  for job in $(squeue --noheader --states=running --format=%A); do
    scontrol update jobid="$job" comment="$mark"
  done
  wait_for "the controller did not write its state" grep -qF "$mark" "$dir/state/job_state"
}

restart() {
  state_is_written
  kill -KILL "$(cat "$dir/pid/slurmctld")" "$(cat "$dir/pid/slurmd.n1")"
  sleep 1
  start_controller
  start_node n1
  wait_for "the controller did not come back" scontrol ping
}

stop() {
  local process daemon
  timeout 5 scancel --user="$(id -un)" --signal=KILL --full 2>/dev/null
  timeout 5 scancel --user="$(id -un)" 2>/dev/null
  for daemon in "$dir"/pid/slurmd.n? "$dir/pid/slurmctld"; do stop_daemon "$daemon"; done
  for process in /proc/[0-9]*; do
    is_ours "${process#/proc/}" && kill -KILL "${process#/proc/}" 2>/dev/null
  done
  stop_daemon "$dir/pid/munged"
}

case ${1:-} in
  start) start "$3" "$4" ;;
  lose) lose "$3" ;;
  node)
    rm -rf "$dir/tmp/$3"/* "$dir/spool.$3"/* # as a boot does: PMIx starts no step whose earlier files it finds
    start_node "$3"
    ;;
  restart) restart ;;
  stop) stop ;;
  guard)
    while kill -0 "$3" 2>/dev/null && [ -e "$SLURM_CONF" ]; do sleep 1; done
    stop
    ;;
  *)
    echo "usage: local_slurm.sh start DIR NODES OWNER | lose DIR NODE | node DIR NODE | restart DIR | stop DIR" >&2
    exit 2
    ;;
esac
exit 0
