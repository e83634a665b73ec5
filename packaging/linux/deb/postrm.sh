#!/bin/sh
# remove keeps data and settings, purge keeps nothing.
set -e
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
    fi
  done
  # A unit of this name in /etc is of another one: of OIBus 3.8, or of an archive in /opt, which may use the same data.
  other=/etc/systemd/system/oibus.service
  grep -qs ' /var/lib/oibus ' "$other" || rm -rf /var/lib/oibus
  [ -f "$other" ] || rm -rf "$other.d" "/etc/systemd/system/multi-user.target.wants/${other##*/}"
  if [ ! -d /opt/oibus ]; then
    rm -rf /var/lib/oibus-instances /etc/oibus
    if getent passwd oibus >/dev/null; then
      userdel oibus >/dev/null 2>&1 || true
    fi
  fi
  [ ! -d /run/systemd/system ] || systemctl --system daemon-reload >/dev/null || true
  ;;
esac
