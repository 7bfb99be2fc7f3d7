#!/usr/bin/env bash
#
# check_seam.sh - prove that the library reaches the machine through src/platform alone
#
# usage: check_seam.sh ARCHIVE SOURCE_ROOT   look at the built static library and its sources
#        check_seam.sh --self-test CC        show that each rule finds what breaks it
#
# The seam is what a simulation of the machine is put behind, so a call, a variable or
# an atomic operation that goes round it would be a hole in every test that runs there.
# What objects call is known from the built archive; what compiles to no call, like
# atomics, from the sources. All that is not named here as harmless has to go through
# the seam: a new need is decided upon once, in this list.
set -euo pipefail
export LC_ALL=C

# What an object outside src/platform/ may ask of others: the library itself, ...
allowed='^(thrum_.*'
# ... what the compiler puts in: global offset table, thread-locals, stack protector, ...
allowed+='|_GLOBAL_OFFSET_TABLE_|__tls_get_addr|__stack_chk_fail'
# ... memory and strings, also as _FORTIFY_SOURCE and clang's optimiser name them, ...
allowed+='|malloc|calloc|realloc|aligned_alloc|posix_memalign|free|strdup|strndup'
allowed+='|bcmp|(__)?mem(cpy|move|set|cmp|chr)(_chk)?'
allowed+='|(__)?str(len|nlen|cmp|ncmp|chr|rchr|cpy|ncpy|cat|ncat|spn|cspn|pbrk|str)(_chk)?'
# ... numbers and text in memory, and sorting, ...
allowed+='|(__)?v?snprintf(_chk)?|(__isoc[0-9]+_)?strto(l|ul|ll|ull|d)|strerrordesc_np|strerrorname_np|qsort|bsearch'
# ... and what a process knows of itself: errno, its environment, its modules, its end.
allowed+='|__errno_location|getenv|secure_getenv|dl_iterate_phdr|dladdr|abort|__assert_fail)$'

# Only the seam has these in its source ...
atomics='__atomic_|__sync_|_Atomic|stdatomic'
# ... and nobody has these: ThreadSanitizer does not see fences, and to sleep is not to synchronise
# (a function of one's own that is reached as a member, like a sleeper's, is another thing).
fences='atomic_thread_fence|__sync_synchronize'
sleeps='(^|[^A-Za-z0-9_.>])(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep|g_usleep|uv_sleep)[[:space:]]*[(]'

# Print C sources without their comments, each line with the place it stands at.
without_comments() {
    awk '
    FNR == 1 { inside = 0 }
    {
        rest = $0; line = ""
        while (rest != "") {
            if (inside) {
                at = index(rest, "*/")
                if (at == 0) break
                rest = substr(rest, at + 2); inside = 0
            } else {
                block = index(rest, "/*"); slashes = index(rest, "//")
                if (slashes && (!block || slashes < block)) { line = line substr(rest, 1, slashes - 1); break }
                if (!block) { line = line rest; break }
                line = line substr(rest, 1, block - 1) " "
                rest = substr(rest, block + 2); inside = 1
            }
        }
        print FILENAME ":" FNR ": " line
    }' "$@" </dev/null
}

# forbid PATTERN WHY FILE...: a complaint for each line that has the pattern outside comments.
forbid() {
    local pattern=$1 why=$2
    shift 2
    (($# == 0)) || without_comments "$@" | grep -E "^[^ ]+ .*($pattern)" | sed "s/^/$why: /" || true
}

complaints_of_archive() {
    nm -A --undefined-only "$1" | awk -v allowed="$allowed" '
        { split($1, place, ":"); object = place[2] }
        object !~ /^platform_/ && $NF !~ allowed { print "goes round the seam: " object " uses " $NF }'
    nm -A --defined-only --extern-only "$1" | awk '
        { split($1, place, ":"); if ($NF !~ /^thrum_/) print "no name of ours: " place[2] " defines " $NF }'
    # Constants with pointers in them stand in .data.rel.ro, which is read-only once the program runs;
    # thread-locals stand in .tdata and .tbss.
    objdump -t "$1" | awk '
        / file format / { object = $1; sub(/:$/, "", object) }
        object ~ /^platform_/ { next }
        / O / {
            name = $NF
            section = $0; sub(/^.* O /, "", section); sub(/[ \t].*/, "", section)
            if (section ~ /^\.(data|bss|ldata|lbss)($|\.)/ && section !~ /^\.data\.rel\.ro/ || section == "*COM*")
                print "state outside the one struct: " object " has " name
        }'
}

complaints_of_sources() {
    local root=$1 in_library everywhere
    mapfile -t in_library < <(find "$root/src" -name '*.[ch]' ! -path "$root/src/platform/*")
    mapfile -t everywhere < <(find "$root/src" "$root/include" "$root/tests" "$root/examples" \
        -name '*.[ch]' -o -name '*.cc' 2>/dev/null)
    ((${#in_library[@]} > 0)) || echo "no sources in $root/src"
    forbid "$atomics" 'atomic outside the seam' "${in_library[@]}"
    forbid "$fences" 'a fence' "${everywhere[@]}"
    forbid "$sleeps" 'a sleep' "${everywhere[@]}"
}

# ---- The self-test ----------------------------------------------------------------------

# expect WHAT COMPLAINT FILE SOURCE: an archive and a tree with this one file in it, `platform/...` or
# not, bring exactly these complaints, or none when they are empty.
expect() {
    local what=$1 complaint=$2 file=$3 source=$4 said
    rm -rf "$work/tree"
    mkdir -p "$work/tree/src/$(dirname "$file")" "$work/tree/src/base"
    echo 'int thrum_nothing(void);' >"$work/tree/src/base/nothing.h"
    printf '%s\n' "$source" >"$work/tree/src/$file"
    "$cc" -std=c11 -D_GNU_SOURCE -O1 -fPIC -fno-builtin -pthread -c "$work/tree/src/$file" -o "$work/${file/\//_}.o"
    rm -f "$work/lib.a"
    ar rcs "$work/lib.a" "$work/${file/\//_}.o"
    # Sources are told with their line, of which only the beginning is compared.
    said=$( (complaints_of_archive "$work/lib.a" && complaints_of_sources "$work/tree") |
        sed "s|$work/tree/src/$file.*||" | sort)
    if [[ $said != "$(sort <<<"$complaint")" ]]; then
        echo "FAIL: $what: should bring '$complaint', and brought '$said'"
        failed=1
    fi
}

self_test() {
    cc=$1 failed=0
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    expect 'harmless code' '' queue/a.c '
        #include <stdlib.h>
        #include <string.h>
        static int one(void) { return 1; }
        static __thread int mine; /* thread-locals may be; comments may say nanosleep(1) and __atomic_load */
        static int (*const table[])(void) = {one, one};
        static const char *const names[] = {"a", "b"};
        int thrum_a(int i) { mine = i; return table[i & 1]() + (int)strlen(names[i & 1]) + mine; }
        void *thrum_b(void) { return malloc(1); } // nor does this: sleep(1)'
    expect 'the seam itself' '' platform/a.c '
        #include <pthread.h>
        #include <time.h>
        static pthread_once_t once;
        static void nothing(void) {}
        int thrum_a(int *p) { return pthread_once(&once, nothing) + __atomic_load_n(p, 0) + (int)time(0); }'
    local call calls=(pthread_self syscall clock_gettime gettimeofday time getrandom random rand_r sched_yield fork \
        vfork clone mtx_lock cnd_wait thrd_yield epoll_create1 eventfd read write poll open mmap printf \
        sem_wait getpid signal)
    expect 'calls to the machine' "$(for call in "${calls[@]}"; do
        echo "goes round the seam: queue_a.c.o uses $call"
    done)" queue/a.c "$(for call in "${calls[@]}"; do
        echo "int $call(); void thrum_$call(void); void thrum_$call(void) { $call(); }"
    done)"
    expect 'a foreign name' 'no name of ours: queue_a.c.o defines helper' queue/a.c 'int helper(void) { return 1; }'
    expect 'a foreign name in the seam' 'no name of ours: platform_a.c.o defines helper' platform/a.c \
        'int helper(void) { return 1; }'
    expect 'state that is zero' 'state outside the one struct: queue_a.c.o has count' queue/a.c '
        static int count;
        int thrum_a(void) { return ++count; }'
    expect 'state that is not zero' 'state outside the one struct: queue_a.c.o has count' queue/a.c '
        static int count = 3;
        int thrum_a(void) { return ++count; }'
    expect 'a table that can be written' 'state outside the one struct: queue_a.c.o has thrum_names' queue/a.c \
        'const char *thrum_names[] = {"a", "b"};'
    expect 'a tentative definition' 'state outside the one struct: queue_a.c.o has thrum_count' queue/a.c \
        '__attribute__((common)) int thrum_count;'
    expect 'an atomic' 'atomic outside the seam: ' queue/a.c \
        'int thrum_a(int *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }'
    expect 'an atomic of C11' 'atomic outside the seam: ' queue/a.c 'int thrum_a(_Atomic int *p) { return *p; }'
    expect 'an old atomic' 'atomic outside the seam: ' queue/a.c \
        'int thrum_a(int *p) { return __sync_fetch_and_add(p, 1); }'
    expect 'a fence, even in the seam' 'a fence: ' platform/a.c 'void thrum_a(void) { __atomic_thread_fence(5); }'
    expect 'a sleep, even in the seam' 'a sleep: ' platform/a.c '
        #include <unistd.h>
        void thrum_a(void) { /* a comment before it */ usleep (1); }'
    ((failed == 0)) && echo 'each rule finds what breaks it'
    return "$failed"
}

if [[ ${1-} == --self-test ]]; then
    self_test "$2"
    exit
fi
complaints=$(complaints_of_archive "$1" && complaints_of_sources "$2")
if [[ -n $complaints ]]; then
    sed 's/^/FAIL: /' <<<"$complaints"
    exit 1
fi
echo "$(ar t "$1" | wc -l) objects keep to the seam"
