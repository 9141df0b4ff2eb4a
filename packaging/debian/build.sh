#!/bin/sh
# Builds the Debian package from built files: build.sh BINARIES PLUGINS RUNTIME OUTPUT
#   BINARIES  directory with the program `auricle`, such as target/release
#   PLUGINS   plugin directory, such as target/plugins
#   RUNTIME   ONNX Runtime and Silero VAD, such as target/runtime
#   OUTPUT    directory for the package
set -eu
[ $# -eq 4 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
binaries=$1 plugins=$2 runtime=$3 output=$4
root=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
architecture=$(dpkg --print-architecture)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

put() { install -D -m "$1" "$2" "$tree/$3"; }
# Directories with mode 755 and files with 644, whatever the source has.
put_all() {
    (cd "$1" && find . -type f) | while read -r file; do put 644 "$1/$file" "$2/$file"; done
}

put 755 "$binaries/auricle" usr/bin/auricle
put_all "$plugins" usr/lib/auricle/plugins
put_all "$runtime" usr/share/auricle
put_all "$root/models" usr/share/auricle
put 644 "$root/packaging/systemd/auricle.service" usr/lib/systemd/system/auricle.service
put 644 "$root/packaging/systemd/auricle.sysusers" usr/lib/sysusers.d/auricle.conf
put 644 "$root/configs/auricle.toml" etc/auricle/auricle.toml
put_all "$root/configs/presets" etc/auricle/presets
put_all "$root/docs" usr/share/doc/auricle
put 644 "$root/LICENSE-MIT" usr/share/doc/auricle/LICENSE-MIT
put 644 "$root/LICENSE-APACHE" usr/share/doc/auricle/LICENSE-APACHE
put_all "$root/packaging/grafana" usr/share/doc/auricle/grafana
put_all "$root/packaging/prometheus" usr/share/doc/auricle/prometheus
strip --strip-unneeded "$tree/usr/bin/auricle" 2>/dev/null || true

mkdir "$tree/DEBIAN"
size=$(du -sk "$tree" | cut -f 1)
cat > "$tree/DEBIAN/control" <<END
Package: auricle
Version: $version
Architecture: $architecture
Section: sound
Priority: optional
Maintainer: The Auricle authors <auricle@localhost>
Installed-Size: $size
Depends: libc6, libgcc-s1, libstdc++6
Recommends: systemd
Description: real-time speech recognition server
 Clients stream audio over WebSocket and get text. Engines are shared
 libraries, which run in sandboxed worker processes.
END
(cd "$tree" && find etc -type f | sed 's,^,/,') > "$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "$root/packaging/debian/$script" "$tree/DEBIAN/$script"; done
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) > "$tree/DEBIAN/md5sums"
mkdir -p "$output"
dpkg-deb --root-owner-group --build "$tree" "$output/auricle_${version}_$architecture.deb"
