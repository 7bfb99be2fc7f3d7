# shellcheck shell=bash
# readme.sh - the programs of the README; sourced by the checks that build them

# readme_programs README DIRECTORY: each block of C or C++ that has a main becomes DIRECTORY/N.c or N.cpp, and the
# text block behind it, what it prints, DIRECTORY/N.txt. DIRECTORY/N.both says that the C is C++ as well.
readme_programs() {
    awk -v directory="$2" '
        /^```/ && inside { inside = 0; finish(); next }
        /^```/ { inside = 1; kind = substr($0, 4); text = ""; next }
        inside { text = text $0 "\n"; next }
        /^<!-- This program is also C\+\+\. -->$/ { both = 1 }
        function finish() {
            if ((kind == "c" || kind == "cpp") && text ~ /int main\(/) {
                name = directory "/" ++count
                printf "%s", text > (name "." kind)
                if (both) print "" > (name ".both")
                both = 0
            } else if (kind == "text" && count) {
                printf "%s", text > (directory "/" count ".txt")
            }
        }' "$1"
}
