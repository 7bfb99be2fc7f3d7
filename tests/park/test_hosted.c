/*
 * test_hosted.c - sleepers that take turns on a thread: their records, who of them is woken, and what they hold
 */
#include "fake.h"
#include "park/lockword.h"
#include "platform/state.h"

#define KEY(n) ((const void *)(uintptr_t)(0x20000 + (n)*4)) /* never read or written through */

/* ---- Records in others' memory ---- */

#define STRIDE ((size_t)512)
#define RECORDS 8

static _Alignas(64) char memory[4][RECORDS * STRIDE]; /* for ever, so one for each test */

static struct sleeper *record(const char *first, uint32_t i)
{
    return (struct sleeper *)(void *)(uintptr_t)(first + i * STRIDE);
}

static bool is_listed(const struct sleeper *wanted)
{
    const struct sleeper *sleeper;
    for (uint32_t place = 0; (sleeper = sleeper_next(&place)) != NULL;)
        if (sleeper == wanted)
            return true;
    return false;
}

TEST(records_lie_where_others_have_room)
{
    struct sleeper *self = sleeper_self();
    char *first = memory[0];
    uint32_t place = sleeper_block(first, STRIDE);
    check(place != 0 && place % SLEEPER_BLOCK == 0);
    check(!is_listed(record(first, 0)));

    struct sleeper *made = sleeper_hosted(place + 3, 0, &fake_ops, "hosted", self);
    check(made == record(first, 3));
    check(made->host == self && made->ident == self->ident && made->native_id == self->native_id);
    check_str(made->name, "hosted");
    check(made->ops == &fake_ops && made->token == NULL && made->report == NULL && made->locals == NULL);
    check(made->owner != 0 && (made->owner & ~LOCK_OWNER) == 0);
    check(sleeper_of(made->owner) == made && !sleeper_has_ended(made->owner));

    /* Those below it may be used by now, and are nobody yet. */
    check(is_listed(made) && !is_listed(record(first, 0)) && !is_listed(record(first, 4)));

    uint32_t number = made->owner;
    sleeper_drop(made);
    check(sleeper_has_ended(number) && sleeper_of(number) == made && made->listed == 0);
    sleeper_drop(sleeper_hosted(place, 0, &fake_ops, "", self)); /* one with a lower place later */
    check(is_listed(made) && !is_listed(record(first, 4)));
}

static void in_forked_child(void *arg)
{
    static const char nothing[3 * STRIDE];
    char *first = arg;
    uint32_t number = record(first, 3)->owner;
    check(sleeper_has_ended(number));
    check(!is_listed(record(first, 3)));
    check(memcmp(first, nothing, sizeof nothing) == 0); /* nobody is made of what nobody was */
    struct sleeper *made =
        sleeper_hosted((number >> LOCK_BITS) % (1u << ROLL_PLACE_BITS), 1, &fake_ops, "new", sleeper_self());
    check(made == record(first, 3) && made->owner != number && is_listed(made) && !sleeper_has_ended(made->owner));
    sleeper_drop(made);
}

/* A parked one of a parent is left as it is, page by page. */
TEST(forked_child_leaves_those_of_its_parent_alone)
{
    char *first = memory[3];
    uint32_t place = sleeper_block(first, STRIDE);
    struct sleeper *made = sleeper_hosted(place + 3, 0, &fake_ops, "hosted", sleeper_self());
    check_int(in_child(in_forked_child, first), 0);
    check(!sleeper_has_ended(made->owner));
    sleeper_drop(made);
}

TEST(record_is_used_again_under_another_number)
{
    static uint32_t numbers[SLEEPER_LIVES];
    struct sleeper *self = sleeper_self();
    uint32_t place = sleeper_block(memory[1], STRIDE);
    for (uint32_t life = 0; life < SLEEPER_LIVES; life++) {
        const struct sleeper *made = sleeper_hosted(place + 1, life, &fake_ops, "again", self);
        numbers[life] = made->owner;
        check(sleeper_of(made->owner) == made && !sleeper_has_ended(made->owner));
        for (uint32_t other = 0; other < life; other++)
            check(numbers[other] != made->owner && sleeper_has_ended(numbers[other]));
        sleeper_drop(record(memory[1], 1));
    }
}

TEST(numbers_of_neighbours_and_of_threads_are_others)
{
    struct sleeper *self = sleeper_self(), *made[RECORDS];
    uint32_t place = sleeper_block(memory[2], STRIDE);
    for (uint32_t i = 0; i < RECORDS; i++)
        made[i] = sleeper_hosted(place + i, 7, &fake_ops, "one of many", self);
    for (uint32_t i = 0; i < RECORDS; i++) {
        check(made[i] == record(memory[2], i) && sleeper_of(made[i]->owner) == made[i]);
        check(made[i]->owner != self->owner);
        for (uint32_t k = 0; k < i; k++)
            check(made[i]->owner != made[k]->owner);
    }
    struct fake fake; /* threads' records have blocks of their own */
    fake_new(&fake, NULL, NULL);
    check(sleeper_of(fake.sleeper->owner) == fake.sleeper);
    fake_free(&fake);
    for (uint32_t i = RECORDS; i-- > 0;)
        sleeper_drop(made[i]);
}

/* ---- Who is at hand ---- */

#define MOST 20

static struct {
    struct fake fakes[MOST];
    bool busy[MOST]; /* its host does something else, */
    int idle_after;  /* until it has been asked about so often; 0: for good */
    bool thread[MOST];
    int results[MOST];
    uintptr_t words[MOST];
    int64_t since;
    size_t n, level;
    const void *key;
    void (*script)(void);
    struct unparked done;
} queue;

static bool is_at_hand(const struct sleeper *sleeper)
{
    bool *busy = &queue.busy[fake_of(sleeper) - queue.fakes], was = *busy;
    *busy = was && (queue.idle_after == 0 || --queue.idle_after > 0);
    return !was;
}

static const struct sleeper_ops hosted_ops = {fake_sleep, fake_wake, is_at_hand, NULL, NULL};

/* Each one's sleep parks the next, and the last one's runs the script. */
static void queue_up(struct fake *before)
{
    (void)before;
    size_t i = queue.level++;
    if (i == queue.n) {
        queue.script();
        return;
    }
    struct park_call call = {.key = queue.key, .deadline = OS_FOREVER, .since = queue.since};
    queue.results[i] = park_as(&queue.fakes[i], &call);
    queue.words[i] = call.ret_word;
}

/* So many of them, who have tried since then; the first are busy. Each time at another address, for who is favoured
 * is seldom so again. */
static void run_queue(size_t n, size_t busy, int64_t since, void (*script)(void))
{
    static int key;
    queue.n = n;
    queue.level = 0;
    queue.since = since;
    queue.key = KEY(key += 2); /* in another bucket */
    queue.script = script;
    for (size_t i = 0; i < n; i++) {
        queue.busy[i] = i < busy;
        fake_new(&queue.fakes[i], queue_up, NULL);
        if (!queue.thread[i])
            queue.fakes[i].sleeper->ops = &hosted_ops;
    }
    queue_up(NULL);
    for (size_t i = n; i-- > 0;) {
        check_result(queue.results[i], 0);
        fake_free(&queue.fakes[i]);
    }
}

static uintptr_t note(void *arg, const struct unparked *done)
{
    (void)arg;
    queue.done = *done;
    return 77;
}

static void wake_rest(void)
{
    (void)unpark(queue.key, SIZE_MAX, NULL, NULL);
}

/* Wake for who is at hand, and then the rest. */
static void wake_at_hand(void)
{
    size_t woken = unpark_at_hand(queue.key, note, NULL);
    check_int(queue.done.woken, woken);
    check_int(queue.done.more, woken < queue.n);
    check(queue.done.first == queue.fakes[0].sleeper);
    for (size_t i = 0; i < queue.n; i++)
        check_int(queue.fakes[i].wakes, i < woken); /* the longest waiting */
    wake_rest();
}

static void check_woken(size_t n, size_t busy, size_t woken)
{
    run_queue(n, busy, 0, wake_at_hand);
    check_int(queue.done.woken, woken);
    for (size_t i = 0; i < n; i++)
        check_int(queue.words[i], i < woken ? 77 : 0);
}

TEST(first_is_woken_alone_if_it_is_at_hand)
{
    check_woken(1, 0, 1);
    check_woken(3, 0, 1);
}

TEST(first_at_hand_is_woken_with_those_before_it)
{
    check_woken(2, 1, 2);
    check_woken(5, 2, 3);
    check_woken(17, 15, 16);
}

TEST(first_is_woken_alone_if_none_is_near_who_is_at_hand)
{
    check_woken(1, 1, 1);
    check_woken(5, 5, 1);
    check_woken(18, 16, 1);
}

TEST(thread_is_at_hand)
{
    queue.thread[2] = true;
    check_woken(4, 4, 3);
    queue.thread[0] = true;
    check_woken(4, 4, 1);
    memset(queue.thread, 0, sizeof queue.thread);
}

TEST(nobody_is_at_hand_where_nobody_waits)
{
    queue.done.woken = 9;
    check_int(unpark_at_hand(KEY(1000), note, NULL), 0);
    check(queue.done.woken == 0 && !queue.done.more && !queue.done.favour);
}

static void wake_first(void)
{
    check_int(unpark(queue.key, 1, note, NULL), 1);
    wake_rest();
}

TEST(one_at_hand_is_favoured_when_it_has_waited_for_long)
{
    int64_t since = os_now() - 2 * MILLISECOND;
    run_queue(2, 0, since, wake_at_hand);
    check(queue.done.favour && queue.done.woken == 1);
    run_queue(2, 0, since, wake_first);
    check(queue.done.favour);
}

TEST(busy_one_is_favoured_when_it_has_waited_for_much_longer)
{
    int64_t since = os_now() - 2 * MILLISECOND;
    run_queue(2, 1, since, wake_first);
    check(!queue.done.favour || os_now() - since >= 10 * MILLISECOND);
    since = os_now() - 2 * MILLISECOND;
    run_queue(2, 1, since, wake_at_hand);
    check((!queue.done.favour && queue.done.woken == 2) || os_now() - since >= 10 * MILLISECOND);
    since = os_now() - 10 * MILLISECOND;
    run_queue(2, 1, since, wake_first);
    check(queue.done.favour);
    run_queue(2, 1, since, wake_at_hand);
    check(queue.done.favour && queue.done.woken == 1);
}

/* Several are told the same, so it cannot be that the lock is theirs. */
TEST(none_of_several_is_favoured)
{
    for (int asked = 1; asked < 5; asked++) {
        queue.idle_after = asked;
        run_queue(2, 1, os_now() - 2 * MILLISECOND, wake_at_hand);
        check(!queue.done.favour || queue.done.woken == 1);
    }
    queue.idle_after = 0;
}

/* ---- What they hold ---- */

static char memory_of_holder[sizeof(struct sleeper)] __attribute__((aligned(64)));
static struct sleeper *self, *holder;
static struct fake fake_holder;

static void become_hosted(void)
{
    static uint32_t place, life;
    if (place == 0)
        place = sleeper_block(memory_of_holder, sizeof memory_of_holder);
    self = sleeper_self();
    holder = sleeper_hosted(place, life++, &fake_ops, "holder", self);
    fake_holder = (struct fake){.sleeper = holder, .all = fakes};
    fakes = &fake_holder;
    sleeper_current = holder;
    sleeper_watch(holder);
    check_int(thrum_self_.owner, 0); /* so that each lock is counted */
}

static void become_thread(void)
{
    sleeper_current = self;
    sleeper_watch(self);
    check_int(thrum_self_.owner, self->owner);
    fakes = fake_holder.all;
    sleeper_drop(holder);
}

TEST(locks_of_a_hosted_one_are_counted)
{
    thrum_lock lock = THRUM_LOCK_INIT, other = THRUM_LOCK_INIT, of_thread = THRUM_LOCK_INIT, anybodys;
    thrum_rlock rlock = THRUM_RLOCK_INIT;
    check_result(thrum_lock_init(&anybodys, .any = true), 0);
    check_result(thrum_lock_acquire(&of_thread, THRUM_FOREVER), 0);
    become_hosted();
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_int(holder->locks, 1);
    check_int(lock.state_ & LOCK_OWNER, holder->owner);
    check_result(thrum_lock_acquire(&other, THRUM_NOWAIT), 0);
    check_int(holder->locks, 2);
    check_result(thrum_lock_acquire(&other, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_acquire(&of_thread, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_acquire(&of_thread, thrum_seconds(1e-6)), THRUM_TIMEOUT);
    check_result(thrum_lock_release(&of_thread), -EPERM);
    check_int(holder->locks, 2);
    check_result(thrum_lock_acquire(&anybodys, THRUM_FOREVER), 0); /* anybody may release it: nobody's */
    check_int(holder->locks, 2);
    check_result(thrum_lock_release(&anybodys), 0);
    check_int(holder->locks, 2);
    for (int i = 0; i < 3; i++)
        check_result(thrum_rlock_acquire(&rlock, THRUM_FOREVER), 0);
    check_int(holder->locks, 3);
    for (int i = 0; i < 3; i++)
        check_result(thrum_rlock_release(&rlock), 0);
    check_result(thrum_lock_release(&lock), 0);
    check_result(thrum_lock_release(&other), 0);
    check_int(holder->locks, 0);
    become_thread();
    check_result(thrum_lock_release(&of_thread), 0);
}

TEST(locks_of_a_hosted_one_are_counted_in_waits_and_sets)
{
    thrum_lock lock = THRUM_LOCK_INIT, other = THRUM_LOCK_INIT, *both[] = {&lock, &other};
    thrum_condition condition = THRUM_CONDITION_INIT(&lock);
    become_hosted();
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_condition_wait(&condition, thrum_seconds(1e-6)), THRUM_TIMEOUT);
    check_int(holder->locks, 1);
    check_result(thrum_lock_release(&lock), 0);
    check_int(holder->locks, 0);
    check_result(thrum_acquire_all(both, 2, THRUM_FOREVER), 0);
    check_int(holder->locks, 2);
    check_result(thrum_release_all(both, 2), 0);
    check_int(holder->locks, 0);
    check_int(thrum_self_.owner, 0);
    held_free(&holder->ordered);
    become_thread();
}

static bool others; /* on the same host */
static int turns, looks;

static bool take_turn(struct sleeper *sleeper)
{
    check(sleeper == holder);
    turns++;
    return others;
}

static const struct sleeper_ops turning_ops = {fake_sleep, fake_wake, is_at_hand, take_turn, NULL};

static bool count_looks(void *arg)
{
    (void)arg;
    looks++;
    return false;
}

TEST(hosted_one_looks_again_only_behind_a_turn_of_others)
{
    become_hosted();
    holder->ops = &turning_ops;
    for (int i = 0; i < 2; i++) {
        others = i == 1;
        turns = looks = 0;
        check(!park_look(count_looks, NULL));
        check_int(turns, 1);
        check_int(looks, 1 + i);
    }
    become_thread();
    looks = 0;
    check(!park_look(count_looks, NULL));
    check(looks > 2 && turns == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_lie_where_others_have_room),
        cmocka_unit_test(forked_child_leaves_those_of_its_parent_alone),
        cmocka_unit_test(record_is_used_again_under_another_number),
        cmocka_unit_test(numbers_of_neighbours_and_of_threads_are_others),
        cmocka_unit_test(first_is_woken_alone_if_it_is_at_hand),
        cmocka_unit_test(first_at_hand_is_woken_with_those_before_it),
        cmocka_unit_test(first_is_woken_alone_if_none_is_near_who_is_at_hand),
        cmocka_unit_test(thread_is_at_hand),
        cmocka_unit_test(nobody_is_at_hand_where_nobody_waits),
        cmocka_unit_test(one_at_hand_is_favoured_when_it_has_waited_for_long),
        cmocka_unit_test(busy_one_is_favoured_when_it_has_waited_for_much_longer),
        cmocka_unit_test(none_of_several_is_favoured),
        cmocka_unit_test(locks_of_a_hosted_one_are_counted),
        cmocka_unit_test(locks_of_a_hosted_one_are_counted_in_waits_and_sets),
        cmocka_unit_test(hosted_one_looks_again_only_behind_a_turn_of_others),
    };
    return cmocka_run_group_tests_name("hosted", tests, NULL, NULL);
}
