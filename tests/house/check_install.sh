#!/usr/bin/env bash
#
# check_install.sh - what is installed is complete, and a stranger can build with it
#
# usage: check_install.sh BUILD_DIRECTORY SOURCE_ROOT C_COMPILER MESON
#
# Installs into an empty place, and builds and runs programs against that by pkg-config alone,
# with the shared and with the static library.
set -euo pipefail

build=$(realpath "$1") root=$(realpath "$2") cc=$3 meson=$4
. "$(dirname "$0")/readme.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
place=$work/place
fail() {
    echo "FAIL: $*"
    exit 1
}

if ! command -v pkg-config >/dev/null; then
    echo 'skipped: there is no pkg-config here'
    exit 77
fi
$meson install -C "$build" --no-rebuild --quiet --destdir "$place" >"$work/log" 2>&1 ||
    fail "meson install: $(cat "$work/log")"

pc=$(find "$place" -name thrum.pc)
[[ $(wc -l <<<"$pc") == 1 && -n $pc ]] || fail "not one thrum.pc was installed, but: $pc"
library=$(dirname "$(dirname "$pc")")
for file in libthrum.a libthrum.so libthrum.so.0; do
    [[ -e $library/$file ]] || fail "$file is not there, or leads nowhere"
done
headers=$(find "$place" -path '*/include/thrum/*.h' -printf '%f\n' | sort)
[[ $headers == "$(find "$root/include/thrum" -name '*.h' -printf '%f\n' | sort)" ]] ||
    fail "the installed headers are not those of the sources: $headers"
dangling=$(find "$place" -xtype l)
[[ -z $dangling ]] || fail "links that lead nowhere: $dangling"
! grep -q "$place\|$root\|$build" "$pc" || fail "thrum.pc names the place that it was built in"

# Only what was just installed may be found.
export PKG_CONFIG_LIBDIR=$library/pkgconfig PKG_CONFIG_SYSROOT_DIR=$place
unset PKG_CONFIG_PATH
read -ra compile <<<"$(pkg-config --cflags thrum)"
read -ra link <<<"$(pkg-config --libs thrum)"
read -ra link_static <<<"$(pkg-config --static --libs thrum)"

# Without inlining, also the functions that are inline in the headers come from the library.
cat >"$work/symbols.c" <<'END'
#include <stdio.h>
#include <thrum/thrum.h>
int main(void)
{
    static thrum_lock lock = THRUM_LOCK_INIT;
    if (thrum_lock_acquire(&lock, THRUM_NOWAIT) != 0 || thrum_lock_release(&lock) != 0)
        return 1;
    printf("%s\n", thrum_version());
    return 0;
}
END
pkg-config --modversion thrum >"$work/symbols.txt"
readme_programs "$root/README.md" "$work"

for program in symbols 1; do
    for way in shared static; do
        if [[ $way == shared ]]; then
            arguments=("${link[@]}")
        else
            arguments=(-static "${link_static[@]}")
        fi
        said=$("$cc" -std=c11 -O0 -Wall -Werror "${compile[@]}" \
            "$work/$program.c" -o "$work/run" "${arguments[@]}" 2>&1) ||
            fail "$program.c does not build with the $way library: $said"
        said=$(LD_LIBRARY_PATH=$library "$work/run" 2>&1) || fail "$program.c fails with the $way library: $said"
        [[ $said == "$(cat "$work/$program.txt")" ]] || fail "$program.c with the $way library prints: $said"
        if [[ $way == shared ]] && ! readelf -d "$work/run" | grep -q 'NEEDED.*\[libthrum.so.0\]'; then
            fail "$program.c does not ask for libthrum.so.0"
        fi
    done
done
echo "$(find "$place" ! -type d | wc -l) files installed; programs run with the shared and the static library"
