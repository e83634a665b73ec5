if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  if [ $1 -ge 1 ]; then systemctl try-restart oibus.service 'oibus-*.service' >/dev/null 2>&1 || :; fi
fi
