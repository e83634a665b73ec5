if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  if [ $1 -ge 1 ]; then
    if systemctl show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; then systemctl try-restart oibus.service >/dev/null 2>&1 || :; fi
    systemctl try-restart 'oibus-*.service' >/dev/null 2>&1 || :
  fi
fi
