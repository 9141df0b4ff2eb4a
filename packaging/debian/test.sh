#!/bin/sh
# Builds the package from the given files (as build.sh, without OUTPUT), inspects it, installs it into a directory,
# runs the program there, and removes and purges the package.
set -eu
[ $# -eq 3 ] || { echo "usage: test.sh BINARIES PLUGINS RUNTIME" >&2; exit 2; }
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$1" >&2; exit 1; }

# Compression would take most of the time.
export DPKG_DEB_COMPRESSOR_TYPE=none
"$here/build.sh" "$1" "$2" "$3" "$work/out"
deb=$(echo "$work"/out/auricle_*.deb)
dpkg-deb --info "$deb" > "$work/info"
dpkg-deb --contents "$deb" > "$work/contents"
grep -q ' root/root ' "$work/contents" || fail "not owned by root"
! grep -qvE '^d?[rwx-]+ +root/root |^drwx' "$work/contents" || fail "a file is not owned by root"
! grep -qE '^-.{4}w|^-.{7}w' "$work/contents" || fail "others may write a file: the server would refuse plugins"
for file in usr/bin/auricle usr/lib/systemd/system/auricle.service usr/lib/sysusers.d/auricle.conf \
    etc/auricle/auricle.toml usr/lib/auricle/plugins usr/share/auricle; do
    grep -q "\./$file" "$work/contents" || fail "no $file in the package"
done

mkdir -p "$work/root/var/lib/dpkg/info" "$work/root/var/lib/dpkg/updates"
touch "$work/root/var/lib/dpkg/status"
# Without the system's packages: only this package is tested.
manage() { dpkg --root="$work/root" --force-script-chrootless --force-depends --log="$work/log" "$@" > "$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }; }
manage --install "$deb"
dpkg --root="$work/root" --verify auricle
"$work/root/usr/bin/auricle" --version
"$work/root/usr/bin/auricle" engines --plugins "$work/root/usr/lib/auricle/plugins" --resources "$work/root/usr/share/auricle"
manage --remove auricle
[ ! -e "$work/root/usr/bin/auricle" ] || fail "the program was not removed"
[ -e "$work/root/etc/auricle/auricle.toml" ] || fail "the settings were removed without --purge"
manage --purge auricle
[ ! -e "$work/root/etc/auricle" ] || fail "the settings were not purged"
echo "the package is in order"
