#!/bin/sh
# remove keeps data and settings, purge keeps nothing of OIBus; what it had put aside for another service it puts back.
set -e
# back UNIT: the unit of OIBus 3.8 whose place was taken, unless one is there, with its drop-ins.
back() {
  if [ -f "$1.replaced-by-oibus" ] && [ ! -e "$1" ]; then
    rm -rf "$1.d" "/etc/systemd/system/multi-user.target.wants/${1##*/}"
    if [ -d "$1.d.replaced-by-oibus" ]; then mv "$1.d.replaced-by-oibus" "$1.d"; rmdir "$1.d" 2>/dev/null || true; fi
    mv "$1.replaced-by-oibus" "$1"
    systemctl --quiet enable "${1##*/}" >/dev/null 2>&1 || true
    echo "OIBus: the service ${1##*/} is that of OIBus 3.8 again, and starts with the machine; now: systemctl start ${1##*/}" >&2
  fi
  [ -f "$1.replaced-by-oibus" ] || rm -rf "$1.d.of-oibus"
}
case "$1" in
remove)
  [ ! -d /run/systemd/system ] || systemctl --system daemon-reload >/dev/null || true
  if command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper mask oibus.service >/dev/null || true
  fi
  ;;
purge)
  if command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge oibus.service >/dev/null || true
    deb-systemd-helper unmask oibus.service >/dev/null || true
  fi
  # The named instances that oibus-installer has added; an archive in /opt keeps what it uses.
  for unit in /etc/systemd/system/oibus-*.service; do
    if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then
      rm -rf "$unit" "$unit.d" "/etc/systemd/system/multi-user.target.wants/${unit##*/}"
      back "$unit"
    fi
  done
  # A unit of this name in /etc is of another one: of OIBus 3.8, or of an archive in /opt, which may use the same data.
  other=/etc/systemd/system/oibus.service
  if [ -n "$(find /var/lib/oibus -maxdepth 2 -name oibus.db 2>/dev/null)" ]; then
    echo 'OIBus: /var/lib/oibus has the database of an OIBus 3.8, and stays' >&2
  else
    grep -qs ' /var/lib/oibus ' "$other" || rm -rf /var/lib/oibus
  fi
  back "$other"
  [ -f "$other" ] || rm -rf "$other.d" "/etc/systemd/system/multi-user.target.wants/${other##*/}"
  if [ ! -d /opt/oibus ]; then
    for record in /etc/oibus/switch.json /etc/oibus/switch-*.json; do
      [ -e "$record" ] || continue
      old=$(sed -n 's/^ *"name": "\(..*\)",*$/\1/p' "$record" | head -n1)
      [ ! -f "/etc/systemd/system/$old.service" ] || systemctl --quiet is-enabled "$old.service" >/dev/null 2>&1 ||
        echo "OIBus: the service $old of OIBus 3.8, whose place was taken, does not start with the machine: systemctl enable --now $old" >&2
    done
    rm -rf /var/lib/oibus-instances /etc/oibus /run/oibus-installer.lock
    if getent passwd oibus >/dev/null; then
      userdel oibus >/dev/null 2>&1 || true
    fi
  fi
  [ ! -d /run/systemd/system ] || systemctl --system daemon-reload >/dev/null || true
  ;;
esac
