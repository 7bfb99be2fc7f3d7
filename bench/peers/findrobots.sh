#!/bin/sh
# The hosts that asked for /robots.txt, as a shell user finds them:
#
#   findrobots.sh one LOG...    zcat | awk over all files
#   findrobots.sh two LOG...    the same, a file a process, two at a time (xargs -P2)
#
# Each awk prints a host once. In `two` it prints line by line: several write into one pipe, and
# a full buffer would be written in the middle of a line.
set -eu
how=$1
shift
case $how in
one)
    zcat "$@" | awk '$7 == "/robots.txt" && !seen[$1]++ { print $1 }' | sort
    ;;
two)
    printf '%s\0' "$@" | xargs -0 -n1 -P2 sh -c '
        zcat "$1" | awk "\$7 == \"/robots.txt\" && !seen[\$1]++ { print \$1; fflush() }"' sh | sort -u
    ;;
*)
    echo "usage: findrobots.sh one|two LOG..." >&2
    exit 2
    ;;
esac
