#!/usr/bin/env bash
# A machine with a real systemd on a throw-away disk, without systemd or dbus on this one.
#
#   machine.sh start NAME [options of systemd-nspawn]   boots it
#   machine.sh run NAME COMMAND...                      runs a command in it
#   machine.sh reboot NAME                              restarts it, the disk stays
#   machine.sh stop NAME                                ends it, the disk is gone
#
# ROOT is the pristine root file system, DIR the folder for what is running. This host may have cgroups of version 1 and
# no systemd: the machine gets a private mount namespace with a view of version 2. A reboot inside makes systemd-nspawn
# end with 133, and the loop boots again on the same disk.
set -eu
op=$1 name=$2
shift 2

# leader prints the process that is number 1 of the machine, as this host numbers it.
leader() {
  local n c
  for n in $(cat "/proc/$(cat "$DIR/$name.pid")/task/$(cat "$DIR/$name.pid")/children" 2>/dev/null); do
    [ "$(cat "/proc/$n/comm" 2>/dev/null)" = systemd-nspawn ] || continue
    for c in $(cat "/proc/$n/task/$n/children" 2>/dev/null); do
      [ "$(cat "/proc/$c/comm" 2>/dev/null)" = systemd ] && { echo "$c"; return 0; }
    done
  done
  return 1
}

enter() {
  local pid
  pid=$(leader) || return 1
  nsenter -t "$pid" -m -u -i -n -p -C -- /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LANG=C.UTF-8 SYSTEMD_PAGER= SYSTEMD_COLORS=0 DEBIAN_FRONTEND=noninteractive "$@"
}

await() {
  local _
  for _ in $(seq 500); do
    enter test -S /run/systemd/private 2>/dev/null && { enter systemctl is-system-running --wait >/dev/null || true; return; }
    kill -0 "$(cat "$DIR/$name.pid")" 2>/dev/null || break
    sleep 0.02
  done
  echo "machine $name does not come up:" >&2
  tail -20 "$DIR/$name.log" >&2
  return 1
}

case $op in
  start)
    mkdir -p "$DIR/$name"
    # shellcheck disable=SC2016 # the inner shell expands them
    setsid unshare --mount --propagation private bash -c '
      set -e
      root=$1 name=$2 disk=$3
      shift 3
      mkdir -p /run/systemd
      mount -t tmpfs -o mode=755 tmpfs /run/systemd
      umount -R /sys/fs/cgroup
      mount -t cgroup2 cgroup2 /sys/fs/cgroup
      mkdir -p "/sys/fs/cgroup/$name"
      echo $$ >"/sys/fs/cgroup/$name/cgroup.procs" # a subtree of its own: two machines do not share one
      mount -t tmpfs -o mode=755 tmpfs "$disk"
      mkdir "$disk/upper" "$disk/work" "$disk/root"
      mount -t overlay overlay -o "lowerdir=$root,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
      while :; do
        rc=0
        systemd-nspawn -q -D "$disk/root" --boot --machine="$name" --register=no --keep-unit --console=pipe "$@" || rc=$?
        [ $rc = 133 ] || exit $rc
      done
    ' machine "$ROOT" "$name" "$DIR/$name" "$@" </dev/null >"$DIR/$name.log" 2>&1 &
    echo $! >"$DIR/$name.pid"
    await
    ;;
  run) enter "$@" ;;
  reboot)
    before=$(leader)
    enter systemctl reboot --no-block
    now=$before
    for _ in $(seq $((20 * ${OIBUS_REBOOT_LIMIT:-30}))); do
      now=$(leader) && [ "$now" != "$before" ] && break
      sleep 0.05
    done
    if [ "${now:-$before}" = "$before" ]; then
      echo "machine $name does not end: it still waits for" >&2
      enter systemctl list-jobs --no-pager >&2 || true
      exit 1
    fi
    await
    ;;
  stop)
    enter systemctl poweroff --no-block || true
    pid=$(cat "$DIR/$name.pid")
    for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    if kill -0 "$pid" 2>/dev/null; then kill -KILL "$(leader)" || true; fi
    sleep 0.2
    find "/sys/fs/cgroup/unified/$name" "/sys/fs/cgroup/$name" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    ;;
  *) echo "machine.sh: unknown operation $op" >&2; exit 2 ;;
esac
