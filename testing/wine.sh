#!/usr/bin/env bash
# wine.sh PACKAGE...: runs the unit tests of the packages as Windows programs, under Wine.
# Exit code: 0 passed, 77 skipped because Wine is missing, else failed.
#
# OIBUS_WINE_DIR   where the Wine prefix and the overlay are kept, by default a folder in the temporary folder. It is
#                  made once (20 s) and used again.
# OIBUS_WINE_SHELL a command to run inside the prepared prefix instead of tests; for example
#                  OIBUS_WINE_SHELL='wine dist/oibus-launcher.exe --version' testing/wine.sh
# OIBUS_WINE_FLAGS more flags for go test, such as -v or -run=NAME
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${OIBUS_WINE_DIR:-${TMPDIR:-/tmp}/oibus-wine-$(id -u)}

if ! command -v wine >/dev/null || ! command -v wineserver >/dev/null; then
  echo "wine.sh: skipped, Wine is missing (Debian: apt-get install --no-install-recommends wine wine64)" >&2
  exit 77
fi
[ $# -gt 0 ] || [ -n "${OIBUS_WINE_SHELL:-}" ] || { echo "usage: wine.sh PACKAGE..." >&2; exit 2; }

mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9 # one run at a time: the Wine server of the prefix is shared

unset DISPLAY WAYLAND_DISPLAY
export WINEPREFIX=$dir/prefix WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml=;winemenubuilder.exe=d'
# No process of Wine may keep the lock or the pipe of go test.
in_wine() { timeout 120 "$@" </dev/null >/dev/null 2>&1 9>&-; }
trap 'wineserver -k 2>/dev/null 9>&- || true' EXIT

if [ ! -e "$dir/ready" ]; then
  rm -rf "$WINEPREFIX"
  in_wine wine wineboot -i
  # Go programs need ProcessPrng, which Wine 8 lacks; a new prefix says that it is Windows 7.
  (cd "$root" && GOFLAGS=-buildvcs=false GOOS= GOARCH= go run ./testing/wine/mkprng \
    "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" 9>&-)
  in_wine wine winecfg -v win10
  wineserver -k 9>&- || true
  wineserver -w 9>&-
  touch "$dir/ready"
fi

# Wine 8 answers STATUS_NOT_IMPLEMENTED to a way of deleting files that Go's os.RemoveAll tries first; with this overlay
# Go uses its other way, as it does for three similar answers. Only programs for Wine are built with it.
original=$(go env GOROOT)/src/internal/syscall/windows/at_windows.go
patched=$dir/at_windows.go
sed 's|^\t\tSTATUS_INVALID_PARAMETER, // the operating|\t\tNTStatus(0xC0000002), // Wine 8: not implemented\n&|' "$original" >"$patched"
if cmp -s "$original" "$patched"; then
  echo "wine.sh: this Go has nothing to patch in $original; see whether the overlay is still needed" >&2
  exit 1
fi
printf '{"Replace":{"%s":"%s"}}\n' "$original" "$patched" >"$dir/overlay.json"

wineserver -p 9>&-    # stays when the last program ends
in_wine wine wineboot # starts the services now, which would otherwise keep the pipe of go test

cd "$root"
if [ -n "${OIBUS_WINE_SHELL:-}" ]; then
  export OIBUS_WINE_OVERLAY=$dir/overlay.json
  bash -c "$OIBUS_WINE_SHELL" 9>&-
  exit
fi
# shellcheck disable=SC2086 # the flags are words
GOOS=windows GOARCH=amd64 CGO_ENABLED=0 GOFLAGS=-buildvcs=false \
  go test -overlay="$dir/overlay.json" -count=1 -exec wine ${OIBUS_WINE_FLAGS:-} "$@" 9>&-
