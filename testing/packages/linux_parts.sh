# Sourced by linux.sh: snippets for inside of the machine.

# writer FOLDER: a North writes files into a folder that belongs to the user of the service, and is given one. The password
# is the one that was chosen before.
writer() {
  printf 'folder=%s url=%s\n' "$1" "$url"
  cat <<'SH'
api() { curl -sf --max-time 20 -u 'admin:correct horse' "$@"; }
mkdir -p "$folder"
chown oibus: "$folder"
every=$(api $url/api/scan-modes | sed 's/},{"id"/\n"id"/g' | sed -n '/"Every second"/s/^[^"]*"id":"\([^"]*\)".*/\1/p')
test -n "$every"
north=$(api -H 'content-type: application/json' -d @- $url/api/north <<JSON | sed 's/^{"id":"\([^"]*\)".*/\1/'
{"name": "Exchange $folder", "type": "file-writer", "description": "", "enabled": true, "transformers": [],
 "settings": {"outputFolder": "$folder", "prefix": "", "suffix": ""},
 "caching": {"trigger": {"scanModeId": "$every", "scanModeName": null, "numberOfElements": 1, "numberOfFiles": 1},
  "throttling": {"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000},
  "error": {"retryInterval": 1000, "retryCount": 1000, "retentionDuration": 0}, "archive": {"enabled": false, "retentionDuration": 72}}}
JSON
)
echo measured >/root/measured.txt
api -F file=@/root/measured.txt "$url/api/content/file?northId=$north&dataSourceId=test"
SH
}

# opened FOLDER: what doctor says is put where it says, then the file comes.
opened() {
  printf 'folder=%s\n' "$1"
  cat <<'SH'
out=$(oibus-installer doctor --json) && exit 1
file=$(sed -n 's/^ *"dropInFile": "\(.*\)",*$/\1/p' <<<"$out")
mkdir -p "${file%/*}"
sed -n '/"dropIn": \[/,/^ *\],*$/s/^ *"\([^"]*\)",*$/\1/p' <<<"$out" >>"$file"
cat "$file"
systemctl daemon-reload
oibus-installer restart
for i in $(seq 150); do test -s "$folder/measured.txt" && break; sleep 0.2; done
grep -q measured "$folder/measured.txt"
oibus-installer doctor | grep 'ok.*connectors'
SH
}

# old_service: an OIBus 3.8 of a person who knows systemd; only its name matters.
old_service() {
  cat <<'SH'
mkdir -p /etc/systemd/system/oibus.service.d
printf '[Unit]\nDescription=OIBus Client\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/oibus.service
printf '[Service]\nNice=5\n' >/etc/systemd/system/oibus.service.d/own.conf
sed 's/OIBus/& of the plant/' /etc/systemd/system/oibus.service >/etc/systemd/system/oibus-plant.service
systemctl daemon-reload
systemctl enable -q --now oibus oibus-plant
for unit in oibus oibus-plant; do systemctl show -P MainPID,ActiveEnterTimestampMonotonic $unit; done >/root/old
cat /etc/systemd/system/oibus.service /etc/systemd/system/oibus.service.d/own.conf >/root/old-unit
SH
}
# switched: what a switch from that service leaves when a package has taken its place.
switched() {
  cat <<'SH'
systemctl stop oibus
mkdir -p /etc/oibus /var/lib/oibus/state
printf '{\n  "level": 1,\n  "phase": "done",\n  "from": "/srv/old",\n  "version": "3.8.8",\n  "old": {\n    "name": "oibus",\n    "atBoot": true,\n    "running": true\n  },\n  "ours": {\n    "name": "",\n    "service": "oibus",\n    "data": "/var/lib/oibus",\n    "settings": "/etc/oibus/oibus.toml",\n    "programs": "/usr/lib/oibus",\n    "managedBy": "package"\n  },\n  "at": "2026-03-01T12:00:00Z"\n}\n' >/etc/oibus/switch.json
mv /etc/systemd/system/oibus.service /etc/systemd/system/oibus.service.replaced-by-oibus
mv /etc/systemd/system/oibus.service.d /etc/systemd/system/oibus.service.d.replaced-by-oibus
mkdir /etc/systemd/system/oibus.service.d
printf '[Service]\nReadWritePaths=-/srv/exchange\n' >/etc/systemd/system/oibus.service.d/connectors.conf
systemctl daemon-reload
systemctl enable -q --now oibus
systemctl show -P ExecStart oibus | grep >/dev/null -c /usr/lib/oibus/oibus-launcher
SH
}
# old_is_as_before: it has not been touched by anybody.
old_is_as_before() {
  cat <<'SH'
for unit in oibus oibus-plant; do systemctl is-active -q $unit; systemctl is-enabled -q $unit; done
for unit in oibus oibus-plant; do systemctl show -P MainPID,ActiveEnterTimestampMonotonic $unit; done | diff /root/old -
cat /etc/systemd/system/oibus.service /etc/systemd/system/oibus.service.d/own.conf | diff /root/old-unit -
test -z "$(pgrep -u oibus)"
SH
}
