#!/usr/bin/env bash
# all.sh [debian|redhat|windows|switch|reproducible|broken]...: proves the packages, all of it but broken unless parts are
# named: that proves the checks, on packages that are broken on purpose (broken.sh, a quarter of an hour). switch moves a
# site from a stand-in for OIBus 3.8 and back.
#
# It needs root on Debian: it installs the packages it uses (systemd-container, mmdebstrap, lintian, rpmlint; wine, wixl,
# msitools, osslsigncode) and keeps a root file system in OIBUS_PACKAGES_CACHE, by default /var/tmp/oibus-packages. What is
# missing elsewhere is skipped, and said. OIBUS_STOP_AT_FAILURE=1 ends at the first failure; OIBUS_PACKAGES_WORK names a
# folder in which the packages are kept and used again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=testing/packages
cache=${OIBUS_PACKAGES_CACHE:-/var/tmp/oibus-packages}
parts=("$@")
[[ $# -gt 0 ]] || parts=(debian redhat windows switch reproducible)

if [[ $(id -u) != 0 ]]; then
  echo 'skipped: the packages are tested as root only'
  exit 0
fi
need() { # PROGRAM=PACKAGE...
  local missing=() p
  for p; do command -v "${p%%=*}" >/dev/null || missing+=("${p#*=}"); done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  command -v apt-get >/dev/null || { echo "skipped: ${missing[*]} missing, and this is not Debian"; exit 0; }
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }
}
need systemd-nspawn=systemd-container mmdebstrap=mmdebstrap lintian=lintian rpmlint=rpmlint wine=wine wixl=wixl msibuild=msitools osslsigncode=osslsigncode unzip=unzip

# One root file system for all runs. Its name says what is in it.
root=$cache/root-1
make_root() {
  [[ ! -e $root.ready ]] || return 0
  rm -rf "$root"
  mkdir -p "$cache"
  mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,procps,curl,rpm,iproute2 bookworm "$root" &&
    touch "$root.ready"
}
wants() { [[ " ${parts[*]} " =~ \ ($1)\  ]]; } # PART|PART...

work=${OIBUS_PACKAGES_WORK:-}
own=''
[[ -n $work ]] || own=$(mktemp -d /var/tmp/oibus-packages-work.XXXXXX)
work=${work:-$own}
mkdir -p "$work"
# Whatever ends this ends the machines, too.
leave() {
  local left
  left=$(jobs -p)
  [[ -z $left ]] || { kill $left 2>/dev/null; wait; } || true
  [[ -z $own ]] || rm -rf "$own"
}
trap leave EXIT
trap 'exit 1' INT TERM
export OIBUS_PACKAGES_WORK=$work OIBUS_PACKAGES_ROOT=$root
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
rc=0
rm -f "$work/figures"
# All at once, for the machines wait most of the time, and what is for Windows, which makes its own packages, first.
declare -A running=()
if wants windows; then $here/windows.sh >"$work/windows.log" 2>&1 & running[windows]=$!; fi
begun=$SECONDS
making=''
if wants 'debian|redhat|switch|broken'; then make_root & making=$!; fi
if wants 'debian|redhat|switch|reproducible|broken'; then
  source $here/make.sh
  [[ -e $work/linux-made ]] || { linux_packages 3.9.0 3.10.0 3.9.1 3.11.0 && touch "$work/linux-made"; }
fi
[[ -z $making ]] || wait "$making"
echo "== packages and machines made: $((SECONDS - begun)) s"
for part in "${parts[@]}"; do
  case $part in
    debian | redhat) $here/linux.sh "$part" >"$work/$part.log" 2>&1 & running[$part]=$! ;;
    reproducible) $here/reproducible.sh >"$work/$part.log" 2>&1 & running[$part]=$! ;;
    windows | broken) ;;
    switch) { $here/switch.sh; a=$?; $here/switch_windows.sh && [[ $a == 0 ]]; } >"$work/switch.log" 2>&1 & running[switch]=$! ;;
    *) echo "there is no part $part" >&2; exit 2 ;;
  esac
done
for part in "${parts[@]}"; do
  [[ -n ${running[$part]:-} ]] || continue
  wait "${running[$part]}" || rc=1
  echo "== $part"
  cat "$work/$part.log"
done
if [[ " ${parts[*]} " == *' broken '* ]]; then
  echo '== broken'
  { [[ -e $work/msi-made-3.10.0 ]] || OIBUS_ONLY_MAKE=1 $here/windows.sh; } && $here/broken.sh || rc=1
fi
if [[ -s $work/figures ]]; then
  printf '== from download to registered; OIAnalytics is asked every 10 s whether the code was entered\n%-28s %8s %14s %15s\n' platform commands 'installed, s' 'registered, s'
  sort "$work/figures" | awk -F'\t' '{ printf "%-28s %8d %14s %15s\n", $1, $2, $3, $4 }'
fi
exit $rc
