if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then
  systemctl disable --now oibus.service >/dev/null 2>&1 || :
  systemctl stop 'oibus-*.service' >/dev/null 2>&1 || :
fi
