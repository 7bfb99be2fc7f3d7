#!/usr/bin/env bash
#
# check_headers.sh - compile the public headers as their users will, with one family of compilers
#
# usage: check_headers.sh C_COMPILER C++_COMPILER INCLUDE_DIRECTORY
#
# Each header alone and twice, every macro with and without options (uses.c, uses.cc),
# and what must not compile (refused.c), as strict C11, C17 and C++17 with all warnings as
# errors. Exit status 77, a skipped test, where a compiler is not there.
set -euo pipefail

cc=$1 cxx=$2 include=$3
here=$(cd "$(dirname "$0")" && pwd)
for compiler in "$cc" "$cxx"; do
    if ! command -v "$compiler" >/dev/null; then
        echo "skipped: there is no $compiler here"
        exit 77
    fi
done

# Really compiled: what becomes of a result is seen only then.
common=(-I"$include" -c -o /dev/null)
strict=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
as_c11=("$cc" -std=c11 -xc)
as_c17=("$cc" -std=c17 -xc)
as_cxx17=("$cxx" -std=c++17 -xc++)
as_cxx20=("$cxx" -std=c++20 -xc++)
languages=(c11 c17 cxx17 cxx20)
checks=0 failed=0

complain() {
    echo "FAIL: $cc: $1"
    sed 's/^/    /' <<<"${2:0:4000}"
    failed=1
}

# passes LANGUAGE WHAT ARGUMENT...: it compiles without a warning.
passes() {
    local said language=$1 what=$2
    local -n command=as_$language
    shift 2
    checks=$((checks + 1))
    said=$("${command[@]}" "${common[@]}" "${strict[@]}" "$@" 2>&1) ||
        complain "$what as $language does not compile" "$said"
}

# refuses LANGUAGE WHAT ARGUMENT...: it does not compile, though no warning is an error.
refuses() {
    local language=$1 what=$2
    local -n command=as_$language
    shift 2
    checks=$((checks + 1))
    if "${command[@]}" "${common[@]}" "$@" >/dev/null 2>&1; then
        complain "$what as $language compiles, and must not" ''
    fi
}

headers=("$include"/thrum/*.h)
((${#headers[@]} >= 6)) || complain "only ${#headers[@]} headers in $include/thrum" ''
for language in "${languages[@]}"; do
    for header in "${headers[@]}"; do
        line="#include <thrum/${header##*/}>"
        for extra in -O2 -DTHRUM_NO_INLINE; do
            passes "$language" "${header##*/} alone, twice" "$extra" - <<<"$line"$'\n'"$line"$'\n'"extern int nothing;"
        done
    done
    if [[ $language == cxx* ]]; then
        passes "$language" uses.cc "$here/uses.cc"
    else
        passes "$language" uses.c "$here/uses.c"
    fi
done

cases=$(grep -E '^#(el)?if CASE == ' "$here/refused.c")
(($(wc -l <<<"$cases") >= 18)) || complain 'refused.c has lost its cases' "$cases"
while read -r line; do
    number=$(sed 's/.*CASE == \([0-9]*\).*/\1/' <<<"$line")
    warning=$(grep -o -e '-Werror=[a-z-]*' <<<"$line" || true)
    for language in c11 cxx17; do
        if [[ $language == cxx17 && $line == *'!defined(__cplusplus)'* ]]; then
            continue
        fi
        passes "$language" "refused.c, case $number as it should be" -DCASE="$number" "$here/refused.c"
        refuses "$language" "refused.c, case $number" ${warning:+"$warning"} -DBAD -DCASE="$number" "$here/refused.c"
    done
done <<<"$cases"

((failed == 0)) && echo "$checks compilations by $cc and $cxx went as they should"
exit "$failed"
