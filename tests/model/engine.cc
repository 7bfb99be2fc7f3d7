/*
 * engine.cc - the machine that does whatever C11 allows
 *
 * Here are the operations that the compiler calls for, by the names that ThreadSanitizer's run-time library has for
 * them. The memory model and the choice of who is next are relacy's; of it we use the part below its own
 * templates, for those want a type of their own where our sources have plain words.
 *
 * A word is an atomic of relacy's from its first atomic use on, with what stands in memory as its first
 * value. Memory always has the newest value, so plain accesses, which may only be made where they are
 * ordered, find what they must. That they are ordered is checked here, by relacy's clocks: for each byte
 * we keep when each thread last read and wrote it, plainly and atomically. Two accesses are a race when one
 * of them writes, one of them is plain, and neither is ordered before the other. A plain write ends the
 * word's life as an atomic.
 *
 * A compare-and-swap that fails is a load, and may do so because it sees an old value. relacy's sees the
 * newest only, so we let it load first now and then.
 */
#include "engine.h"

machine m;

const unsigned late_most = 100;

/* A string in the history that relacy collects. */
struct told {
    char text[200];
    void output(std::ostream &s) const
    {
        s << text;
    }
};

rl::debug_info place()
{
    if (m.site == nullptr)
        return rl::debug_info("", "", 0);
    const char *slash = strrchr(m.site->file, '/');
    return rl::debug_info(m.site->function, slash != nullptr ? slash + 1 : m.site->file, unsigned(m.site->line));
}

void tell(const char *format, ...)
{
    if (!m.telling)
        return;
    told line;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line.text, sizeof line.text, format, arguments);
    va_end(arguments);
    rl::ctx().exec_log(place(), line);
}

void fail(rl::test_result_e kind)
{
    rl::ctx().fail_test(m.failure, kind, place());
    abort(); /* it does not come back */
}

/* ---- Turns: another thread may run in these, and what is thread-local is kept ---- */

void clear_thread_locals()
{
    if (__stop_model_tls - __start_model_tls > thread_locals_max)
        abort();
    memset(__start_model_tls, 0, size_t(__stop_model_tls - __start_model_tls));
}

bool is_thread_local(const void *address)
{
    return (address >= __start_model_tls && address < __stop_model_tls) || address == __errno_location();
}

void turn()
{
    if (!m.watching)
        return;
    keep kept;
    bool late = rl::ctx().threadx_->index_ == m.late && m.late_turns-- == 0;
    for (unsigned turns = late ? rl::ctx().rand(late_most, rl::sched_type_user) + 1 : 1; turns > 0; turns--)
        rl::ctx().sched();
}
/* ---- Races ---- */

/* Where in the program, for people. */
void name_address(void *address, char *ret_name, size_t size)
{
    char command[200], path[160] = "";
    snprintf(ret_name, size, "%p", address);
    snprintf(command, sizeof command, "addr2line -s -f -e /proc/%d/exe %p 2>/dev/null", int(getpid()),
             static_cast<void *>(static_cast<char *>(address) - 1));
    FILE *pipe = popen(command, "r");
    if (pipe == nullptr)
        return;
    char function[100] = "";
    if (fscanf(pipe, "%99s %159s", function, path) == 2)
        snprintf(ret_name, size, "%s, %s", function, path);
    pclose(pipe);
}

/* The entry of that address; it is not of this run yet where there is none. */
template <typename entry> entry &find(entry *table, uintptr_t at)
{
    size_t i = size_t((at >> 2) * UINT64_C(0x9E3779B97F4A7C15) >> 40) % table_size;
    for (size_t looked = 0; looked < table_size; looked++, i = (i + 1) % table_size)
        if (table[i].used_in != m.run || table[i].at == at)
            return table[i];
    fprintf(stderr, "model: a run touches more memory than there is room for\n");
    abort();
}

bytes &bytes_at(uintptr_t at)
{
    bytes &found = find(m.seen, at);
    if (found.used_in != m.run) {
        found.used_in = m.run;
        found.at = at;
        memset(found.when, 0, sizeof found.when);
    }
    return found;
}

bool conflict(access_kind one, access_kind other)
{
    bool writes = one == plain_write || one == atomic_write || other == plain_write || other == atomic_write;
    bool plain = one == plain_read || one == plain_write || other == plain_read || other == plain_write;
    return writes && plain;
}

void race(access_kind kind, void *from, const bytes &seen, int other_kind, int other)
{
    char here[200] = "?", there[200] = "?";
    if (m.telling) {
        name_address(from, here, sizeof here);
        name_address(seen.from[other_kind][other], there, sizeof there);
    }
    snprintf(m.failure, sizeof m.failure, "%s at %s, not ordered behind thread %d's %s at %s", kind_names[kind], here,
             other, kind_names[other_kind], there);
    fail(rl::test_result_data_race);
}

void check_life(uintptr_t at)
{
    uintptr_t heap = uintptr_t(m.heap);
    if (at < heap || at >= heap + heap_size)
        return;
    if (at >= heap + m.heap_used || m.freed[(at - heap) / piece]) {
        snprintf(m.failure, sizeof m.failure, "memory that was freed is accessed");
        fail(rl::test_result_access_to_freed_memory);
    }
}

void drop_words(uintptr_t at, size_t size);

void touch(const void *address, size_t size, access_kind kind, void *from)
{
    if (!m.watching || is_thread_local(address))
        return;
    rl::thread_info_base *self = rl::ctx().threadx_;
    uintptr_t at = uintptr_t(address), end = at + size;
    self->own_acq_rel_order_ += 1;
    while (at < end) {
        check_life(at);
        bytes &seen = bytes_at(at & ~uintptr_t(7));
        size_t first = at & 7, last = end - (at & ~uintptr_t(7));
        if (last > 8)
            last = 8;
        for (int other_kind = 0; other_kind < kinds; other_kind++) {
            if (!conflict(kind, access_kind(other_kind)))
                continue;
            for (int other = 0; other < MODEL_THREADS; other++)
                for (size_t i = first; i < last && other != self->index_; i++)
                    if (seen.when[other_kind][other][i] > self->acq_rel_order_[other])
                        race(kind, from, seen, other_kind, other);
        }
        for (size_t i = first; i < last; i++)
            seen.when[kind][self->index_][i] = uint32_t(self->own_acq_rel_order_);
        seen.from[kind][self->index_] = from;
        at = (at & ~uintptr_t(7)) + 8;
    }
    if (kind == plain_write)
        drop_words(uintptr_t(address), size);
}

/* ---- Words ---- */

uint64_t read_memory(uintptr_t at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, reinterpret_cast<void *>(at), size);
    return value;
}

void end_word(word &w)
{
    if (w.data != nullptr)
        rl::ctx().atomic_dtor(w.data);
    w.data = nullptr;
}

void drop_words(uintptr_t at, size_t size)
{
    for (uintptr_t a = at & ~uintptr_t(3); a < at + size; a += 4) {
        word &w = find(m.words, a);
        if (w.used_in == m.run)
            end_word(w);
    }
}

/* Ordered before everything: what stands in memory. */
void begin_word(word &w, size_t size)
{
    rl::context &c = rl::ctx();
    w.data = c.atomic_ctor(nullptr);
    unsigned index = c.threadx_->atomic_store_relaxed(w.data);
    auto &record = static_cast<rl::atomic_data_impl<MODEL_THREADS> *>(w.data)->history_[index];
    record.acq_rel_timestamp_ = 0;
    for (auto &first_seen : record.first_seen_order_)
        first_seen = rl::timestamp_t(-1);
    w.newest = w.values[index] = read_memory(w.at, size);
}

/* After a turn, with this thread's access noted. */
word &word_at(const volatile void *address, size_t size, access_kind kind)
{
    word &w = find(m.words, uintptr_t(address));
    if (w.used_in != m.run) {
        w.used_in = m.run;
        w.at = uintptr_t(address);
        w.data = nullptr;
    }
    /* Also anew where something that is not watched, like memset, has written. */
    if (w.newest != read_memory(w.at, size))
        end_word(w);
    if (w.data == nullptr)
        begin_word(w, size);
    touch(const_cast<const void *>(address), size, kind, __builtin_return_address(0));
    return w;
}

void put(word &w, unsigned index, uint64_t value, size_t size)
{
    w.newest = w.values[index] = value;
    memcpy(reinterpret_cast<void *>(w.at), &value, size);
}

/* ---- Atomic operations ---- */

const char *order_name(int order)
{
    static const char *const names[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
    return names[order];
}

int order_here(int order)
{
    if (m.site == nullptr)
        return order;
    m.site->reached[m.scenario_index] = true;
    return m.site == m.weak_site ? m.weak_order : order;
}

uint64_t load(const volatile void *p, size_t size, int order)
{
    if (!m.watching)
        return read_memory(uintptr_t(p), size);
    order = order_here(order);
    turn();
    word &w = word_at(p, size, atomic_read);
    rl::thread_info_base *self = rl::ctx().threadx_;
    unsigned index = order == __ATOMIC_RELAXED   ? self->atomic_load_relaxed(w.data)
                     : order == __ATOMIC_SEQ_CST ? self->atomic_load_seq_cst(w.data)
                                                 : self->atomic_load_acquire(w.data);
    uint64_t value = w.values[index];
    tell("%p load %s: %#llx%s", const_cast<void *>(p), order_name(order), (unsigned long long)value,
         value != w.newest ? ", an old value" : "");
    return value;
}

void store(volatile void *p, size_t size, uint64_t value, int order)
{
    if (!m.watching) {
        memcpy(const_cast<void *>(p), &value, size);
        return;
    }
    order = order_here(order);
    turn();
    word &w = word_at(p, size, atomic_write);
    rl::thread_info_base *self = rl::ctx().threadx_;
    unsigned index = order == __ATOMIC_RELAXED   ? self->atomic_store_relaxed(w.data)
                     : order == __ATOMIC_SEQ_CST ? self->atomic_store_seq_cst(w.data)
                                                 : self->atomic_store_release(w.data);
    put(w, index, value, size);
    tell("%p store %s: %#llx", const_cast<void *>(p), order_name(order), (unsigned long long)value);
}

unsigned modify(word &w, int order)
{
    rl::thread_info_base *self = rl::ctx().threadx_;
    bool aba;
    switch (order) {
    case __ATOMIC_RELAXED:
        return self->atomic_rmw_relaxed(w.data, aba);
    case __ATOMIC_ACQUIRE:
        return self->atomic_rmw_acquire(w.data, aba);
    case __ATOMIC_RELEASE:
        return self->atomic_rmw_release(w.data, aba);
    case __ATOMIC_ACQ_REL:
        return self->atomic_rmw_acq_rel(w.data, aba);
    default:
        return self->atomic_rmw_seq_cst(w.data, aba);
    }
}

enum change { SET, ADD, SUB, AND, OR, XOR };

uint64_t changed(change how, uint64_t old, uint64_t value)
{
    switch (how) {
    case SET:
        return value;
    case ADD:
        return old + value;
    case SUB:
        return old - value;
    case AND:
        return old & value;
    case OR:
        return old | value;
    default:
        return old ^ value;
    }
}

uint64_t read_modify_write(volatile void *p, size_t size, change how, uint64_t value, int order)
{
    uint64_t mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1, old;
    if (!m.watching) {
        old = read_memory(uintptr_t(p), size);
        value = changed(how, old, value);
        memcpy(const_cast<void *>(p), &value, size);
        return old;
    }
    order = order_here(order);
    turn();
    word &w = word_at(p, size, atomic_write);
    old = w.newest;
    value = changed(how, old, value) & mask;
    put(w, modify(w, order), value, size);
    tell("%p change %s: %#llx to %#llx", const_cast<void *>(p), order_name(order), (unsigned long long)old,
         (unsigned long long)value);
    return old;
}

/* The value found. */
uint64_t compare_and_swap(volatile void *p, size_t size, uint64_t expected, uint64_t value, int order)
{
    uint64_t found;
    if (!m.watching) {
        found = read_memory(uintptr_t(p), size);
        if (found == expected)
            memcpy(const_cast<void *>(p), &value, size);
        return found;
    }
    order = order_here(order);
    turn();
    rl::thread_info_base *self = rl::ctx().threadx_;
    word &w = word_at(p, size, atomic_read);
    if (rl::ctx().rand(4, rl::sched_type_user) == 0) {
        found = w.values[self->atomic_load_relaxed(w.data)];
        if (found != expected) {
            tell("%p cas fails: %#llx%s", const_cast<void *>(p), (unsigned long long)found,
                 found != w.newest ? ", an old value" : "");
            return found;
        }
    }
    found = w.newest;
    if (found == expected) {
        touch(const_cast<const void *>(p), size, atomic_write, __builtin_return_address(0));
        put(w, modify(w, order), value, size);
        tell("%p cas %s: %#llx to %#llx", const_cast<void *>(p), order_name(order), (unsigned long long)found,
             (unsigned long long)value);
    } else {
        (void)self->atomic_load_relaxed_rmw(w.data);
        tell("%p cas fails: %#llx", const_cast<void *>(p), (unsigned long long)found);
    }
    return found;
}
extern "C" {

/* ---- What the compiler calls ---- */

void model_at(model_site *site)
{
    m.site = site->same != nullptr ? site->same : site;
}

void __tsan_init(void)
{
}
void __tsan_func_entry(void *)
{
}
void __tsan_func_exit(void)
{
}

#define ACCESS(name, size, kind)      \
    void __tsan_##name##size(void *p) \
    {                                 \
        touch(p, size, kind, HERE);   \
    }
#define PLAIN(size)                          \
    ACCESS(read, size, plain_read)           \
    ACCESS(write, size, plain_write)         \
    ACCESS(unaligned_read, size, plain_read) \
    ACCESS(unaligned_write, size, plain_write)
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)
void __tsan_read_range(void *p, unsigned long size)
{
    touch(p, size, plain_read, HERE);
}
void __tsan_write_range(void *p, unsigned long size)
{
    touch(p, size, plain_write, HERE);
}

#define CHANGE(bits, name, how)                                                                              \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *p, uint##bits##_t value, int order) \
    {                                                                                                        \
        return uint##bits##_t(read_modify_write(p, bits / 8, how, value, order));                            \
    }
#define ATOMIC(bits)                                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *p, int order)                         \
    {                                                                                                              \
        return uint##bits##_t(load(p, bits / 8, order));                                                           \
    }                                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *p, uint##bits##_t value, int order)                  \
    {                                                                                                              \
        store(p, bits / 8, value, order);                                                                          \
    }                                                                                                              \
    CHANGE(bits, exchange, SET)                                                                                    \
    CHANGE(bits, fetch_add, ADD)                                                                                   \
    CHANGE(bits, fetch_sub, SUB)                                                                                   \
    CHANGE(bits, fetch_and, AND)                                                                                   \
    CHANGE(bits, fetch_or, OR)                                                                                     \
    CHANGE(bits, fetch_xor, XOR)                                                                                   \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(volatile uint##bits##_t *p, uint##bits##_t expected, \
                                                              uint##bits##_t value, int order, int)                \
    {                                                                                                              \
        return uint##bits##_t(compare_and_swap(p, bits / 8, expected, value, order));                              \
    }                                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t *p, uint##bits##_t *expected,        \
                                                      uint##bits##_t value, int order, int)                        \
    {                                                                                                              \
        uint##bits##_t wanted = *expected;                                                                         \
        *expected = uint##bits##_t(compare_and_swap(p, bits / 8, wanted, value, order));                           \
        return *expected == wanted;                                                                                \
    }
ATOMIC(32)
ATOMIC(64)

void model_weaken(const model_site *site, int order)
{
    m.weak_site = site;
    m.weak_order = order;
}

} // extern "C"
