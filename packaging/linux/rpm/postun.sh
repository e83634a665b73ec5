if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  if [ $1 -ge 1 ]; then
    if systemctl show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; then systemctl try-restart oibus.service >/dev/null 2>&1 || :; fi
    for unit in /etc/systemd/system/oibus-*.service; do
      if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then systemctl try-restart "${unit##*/}" >/dev/null 2>&1 || :; fi
    done
  fi
fi
