#!/usr/bin/env bash
# Two hosts on one machine, alpha and beta: namespaces with a host name, a network and processes of their own, and one
# cable between them. They share files and nothing else, and are gone, with all that runs there, when `run` ends.
#   two_hosts.sh run DIR PROGRAM...  runs PROGRAM on alpha; mpirun there knows how to start ranks on both
#     while it runs, a file made by others in DIR does something and is removed:
#     cut: unplugs the cable   stop: ends all of beta at once
#   two_hosts.sh on HOST COMMAND...  what mpirun there calls in the place of ssh
# Status 3 with a line on standard error: no such namespaces here.
set -u
PATH=$PATH:/usr/sbin:/sbin

give_up() {
  echo "two_hosts: $*" >&2
  exit 3
}

# Starts alpha in new namespaces; root has the right to do so, others only within a user namespace.
run() {
  local program user=()
  for program in ip unshare nsenter mpirun; do
    command -v "$program" >/dev/null || give_up "no $program here (Debian: iproute2 util-linux openmpi-bin)"
  done
  [ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
  local new=(unshare "${user[@]}" --net --uts --pid --mount --fork --kill-child --mount-proc)
  "${new[@]}" true 2>/dev/null || give_up "network and process namespaces are not allowed here"
  exec "${new[@]}" "$0" alpha "$@"
}

# Waits until the namespaces of beta's first process are its own.
wait_for_beta() {
  local tries
  for ((tries = 0; tries < 500; tries++)); do
    [ "$(nsenter --target "$NS_BETA" --uts uname -n 2>/dev/null)" = beta ] && return
    sleep 0.01
  done
  give_up "the second host did not start"
}

start_beta() {
  unshare --net --uts --pid --fork --kill-child sh -c 'hostname beta; exec sleep infinity' &
  beta=$!
  until NS_BETA=$(pgrep --parent "$beta") || ! kill -0 "$beta" 2>/dev/null; do sleep 0.01; done
  export NS_BETA
  wait_for_beta
}

connect() {
  ip link add cable type veth peer name cable netns "$NS_BETA" 2>/dev/null || return
  ip link set lo up && ip addr add 10.77.0.1/30 dev cable && ip link set cable up || return
  nsenter --target "$NS_BETA" --net sh -c \
    'ip link set lo up && ip addr add 10.77.0.2/30 dev cable && ip link set cable up'
}

do_when_told() {
  while sleep 0.05; do
    [ ! -e "$1/cut" ] || { ip link set cable down && rm "$1/cut"; }
    [ ! -e "$1/stop" ] || { kill -KILL "$NS_BETA" && rm "$1/stop"; }
  done 2>/dev/null
}

alpha() {
  local dir=$1
  shift
  hostname alpha
  start_beta
  connect || give_up "no cable between two network namespaces (veth) here"
  do_when_told "$dir" &
  export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent="$0 on" OMPI_MCA_orte_tmpdir_base="$dir"
  export OMPI_MCA_oob_tcp_if_include=cable OMPI_MCA_btl_tcp_if_include=cable OMPI_MCA_btl=tcp,self OMPI_MCA_pml=ob1
  # A host that is silent for 5 s is lost; slurm/sweep.sbatch sets the same, with more patience.
  export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
  "$@" # not exec: when this first process of the namespace ends, all others do
}

on() {
  [ "$1" = beta ] || give_up "no host named $1"
  shift
  exec nsenter --target "$NS_BETA" --net --uts --pid -- sh -c "$*"
}

case ${1:-} in
  run | alpha | on) "$@" ;;
  *)
    echo "usage: two_hosts.sh run DIR PROGRAM... | on HOST COMMAND..." >&2
    exit 2
    ;;
esac
