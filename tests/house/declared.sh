# shellcheck shell=bash
# declared.sh - what the public headers declare, one name a line; sourced by the checks that need it
#
# The headers mark all that the library shows with THRUM_API, which the preprocessor
# turns into an attribute; the name behind it is the first that is followed by a
# parenthesis, or the last before the attributes of a variable.

# declared CC INCLUDE_DIRECTORY: all symbols, those for the headers' own use included.
declared() {
    local header
    for header in "$2"/thrum/*.h; do
        echo "#include <thrum/${header##*/}>"
    done | "$1" -std=c11 -I"$2" -E -P -xc - | tr '\n{}' ' ;;' | tr ';' '\n' |
        sed -n '/__visibility__("default")/{
            s/__attribute__((__[a-z_]*__([^()]*)))//g
            s/__attribute__((__[a-z_]*__))//g
            /thrum_[a-z0-9_]* *(/!s/.*[ *]\(thrum_[a-z0-9_]*\) *$/\1/
            s/^[^(]*[ *]\(thrum_[a-z0-9_]*\) *(.*/\1/
            p
        }' | sort -u
}

# called CC INCLUDE_DIRECTORY: what users call by name: functions, those that are inline alone, and macros that
# take arguments. Macros that make a constant or an initialiser belong to their structure.
called() {
    {
        declared "$1" "$2"
        sed -n 's/^static inline .*[ *]\(thrum_[a-z0-9_]*\)(.*/\1/p' "$2"/thrum/*.h
        sed -n 's/^#define \(thrum_[a-z0-9_]*\|THRUM_TASK[A-Z_]*\)(.*/\1/p' "$2"/thrum/*.h
    } | grep -v '_$' | sort -u
}
