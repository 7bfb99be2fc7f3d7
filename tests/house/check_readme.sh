#!/usr/bin/env bash
#
# check_readme.sh - the programs of the README compile without a warning and print what it says
#
# usage: check_readme.sh README INCLUDE_DIRECTORY LIBRARY_DIRECTORY C_COMPILER C++_COMPILER
#
# A block of C is built as C11, and as C++17 where a comment before it says so; a block of
# C++ as C++17.
set -euo pipefail

readme=$1 include=$2 libraries=$3 cc=$4 cxx=$5
. "$(dirname "$0")/readme.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readme_programs "$readme" "$work"
failed=0 as_c=0 as_cxx=0

# try LANGUAGE PROGRAM COMPILER...
try() {
    local language=$1 program=$2 said
    shift 2
    if ! said=$("$@" -Wall -Wextra -Wpedantic -Wconversion -Werror -O1 -I"$include" "$program" -x none -o "$work/run" \
        -L"$libraries" -lthrum -Wl,-rpath,"$libraries" 2>&1); then
        echo "FAIL: program ${program##*/} of the README does not compile as $language: $said"
        failed=1
    elif ! said=$("$work/run" </dev/null 2>&1); then
        echo "FAIL: program ${program##*/} of the README fails as $language: $said"
        failed=1
    elif ! said=$(diff "${program%.*}.txt" - <<<"$said"); then
        echo "FAIL: program ${program##*/} of the README prints something else as $language: $said"
        failed=1
    fi
}

have_cxx=true
command -v "$cxx" >/dev/null || have_cxx=false
for program in "$work"/*.c "$work"/*.cpp; do
    if [[ ! -e ${program%.*}.txt ]]; then
        echo "FAIL: the README does not say what program ${program##*/} prints"
        failed=1
        continue
    fi
    if [[ $program == *.c ]]; then
        try C11 "$program" "$cc" -std=c11 -x c
        as_c=$((as_c + 1))
    fi
    if $have_cxx && [[ $program == *.cpp || -e ${program%.*}.both ]]; then
        try C++17 "$program" "$cxx" -std=c++17 -x c++
        as_cxx=$((as_cxx + 1))
    fi
done
if ((as_c < 3)) || [[ ! -e $work/1.both ]]; then
    echo "FAIL: $as_c programs of C found in the README, of which the first ought to be C++ too"
    failed=1
fi
((failed == 0)) || exit 1
if ! $have_cxx; then
    echo "skipped: $as_c programs run as C, but there is no $cxx here"
    exit 77
fi
echo "$as_c programs run as C, $as_cxx as C++"
