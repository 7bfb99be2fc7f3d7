#!/usr/bin/env bash
#
# check_names.sh - what the headers declare, the library shows and the manual describes is the same
#
# usage: check_names.sh CC INCLUDE_DIRECTORY SHARED_LIBRARY MANUAL_DIRECTORY
#
# The shared library exports exactly what the public headers mark with THRUM_API. Each name
# that users call stands in the NAME section of one manual page, which makes it a link to that
# page, or, for the ..._with form of a macro, in the text of the page of its macro; and no page describes
# what there is not. The examples of the pages compile.
set -euo pipefail
export LC_ALL=C

cc=$1 include=$2 library=$3 manual=$4
. "$(dirname "$0")/declared.sh"
failed=0
complain() {
    echo "FAIL: $*"
    failed=1
}

# each WHAT NAMES: a complaint for each of the names.
each() {
    local name
    while read -r name; do
        [[ -z $name ]] || complain "$1: $name"
    done <<<"$2"
}

declared=$(declared "$cc" "$include")
called=$(called "$cc" "$include")
(($(wc -l <<<"$declared") >= 60)) || complain "only $(wc -l <<<"$declared") names found in the headers"

# A version's name (type A) is no symbol that could be called.
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)
each 'declared in the headers, but not in the library' "$(comm -23 <(echo "$declared") <(echo "$exported"))"
each 'shown by the library, but not declared in a header' "$(comm -13 <(echo "$declared") <(echo "$exported"))"

# The names before the dash of a page's NAME section.
names_of() {
    sed -n '/^# NAME/,/ - /p' "$1" | sed '1d; s/ - .*//' | tr ',' '\n' | tr -d ' ' | grep -v '^$'
}
described=$(for page in "$manual"/*.3.scd; do names_of "$page"; done | sort)
modules=$(for page in "$manual"/*.scd; do basename "${page%.?.scd}"; done | sort -u)
each 'described by two pages' "$(uniq -d <<<"$described")"
each 'in no manual page' "$(grep -v '_with$' <<<"$called" | comm -23 - <(echo "$described"))"
each 'in a manual page, but in no header' \
    "$(comm -13 <(echo "$called") <(comm -23 <(echo "$described") <(echo "$modules")))"
while read -r name; do
    if [[ $name == *_with ]] && ! grep -qE "(^|[^A-Za-z0-9_])$name([^A-Za-z0-9_]|$)" "$manual"/*.3.scd; then
        complain "in no manual page: $name"
    fi
done <<<"$called"

# The literal block behind # EXAMPLE, with what the reader is expected to have included.
for page in "$manual"/*.scd; do
    example=$(awk '/^# / { inside = /^# EXAMPLE/ } inside && /^```/ { code = !code; next } inside && code' "$page")
    [[ -n $example ]] || complain "${page##*/} has no example"
    said=$(printf '#include <%s>\n' stdio.h string.h thrum/thrum.h thrum/plugin.h | cat - <(echo "$example") |
        "$cc" -std=c11 -Wall -Wextra -Wpedantic -Wno-unused -Werror -I"$include" -fsyntax-only -xc - 2>&1) ||
        complain "the example of ${page##*/} does not compile: $said"
done

((failed == 0)) && echo "$(wc -l <<<"$declared") symbols and $(wc -l <<<"$called") names agree"
exit "$failed"
