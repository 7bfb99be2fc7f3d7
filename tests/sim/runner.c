/*
 * runner.c - many simulated runs of a scenario, and how a failed one is had again
 *
 * Runs alternate between random choice and PCT of depth 2 to 5. Each run's seed is its number
 * behind the first, so a run is had again by its seed and depth, or, where the code has
 * changed meanwhile, by its list of choices. One in a hundred runs twice and must
 * take the same way both times: something else than the seed would decide otherwise.
 */
#include "runner.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_STEPS 200000
#define RUN_LIMIT_S 60

static const char usage[] = "usage: %s [OPTION...] [SCENARIO...]\n"
                            "Run each scenario (default: all) under simulation with one seed after the other.\n"
                            "  --seconds S   for so long each (default 1)\n"
                            "  --runs N      so many runs each, however long it takes\n"
                            "  --seed N      the first seed (default 1); with --depth, run this one only\n"
                            "  --depth D     0: random choice; 2 to 16: PCT of that depth\n"
                            "  --choices L   with --depth: begin with the choices that a failed run printed\n"
                            "  --plant NAME  turn on a planted fault, and expect that it is found\n"
                            "  --list        name the scenarios\n";

static struct options {
    double seconds;
    unsigned long runs, seed;
    long depth; /* -1: not given */
    const char *plant;
    uint8_t *choices;
    uint32_t n_choices;
} options = {.seconds = 1, .seed = 1, .depth = -1};

static struct sim_result *shared; /* with the child */

/* ---- For scenarios ---- */

thrum_thread *spawn(int (*target)(void *arg), void *arg)
{
    thrum_thread *thread = NULL;
    must(thrum_thread_run_with(&thread, target, arg, NULL));
    return thread;
}

int finish(thrum_thread *thread)
{
    int code = 0;
    must(thrum_thread_join(thread, &code, THRUM_FOREVER));
    thrum_thread_free(thread);
    return code;
}

/* ---- One run ---- */

/* The child's wait status. Its words go to stderr, or with `quiet` nowhere. */
static int run_once(const struct scenario *scenario, const struct sim_plan *plan, bool quiet)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)mallopt(M_PERTURB, 0xA5); /* what is freed too early is seen to be gone */
        alarm(RUN_LIMIT_S);             /* a thread that waits outside the seam */
        if (quiet && freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        *shared = sim_run(plan, scenario->run);
        exit(0); /* by exit: the leak checker, where there is one, looks now */
    }
    int status;
    while (pid < 0 || waitpid(pid, &status, 0) < 0) {
        if (pid < 0 || errno != EINTR) {
            perror("runner");
            exit(1);
        }
    }
    return status;
}

static void say_how(int status)
{
    if (WIFSIGNALED(status))
        fprintf(stderr, "the run was killed by signal %d\n", WTERMSIG(status));
    else if (WEXITSTATUS(status) != SIM_FAILED)
        fprintf(stderr, "the run ended with status %d\n", WEXITSTATUS(status));
}

static struct sim_plan plan_of(unsigned long number, uint64_t usual_steps)
{
    struct sim_plan plan = {.seed = options.seed + number,
                            .depth = number % 2 == 0 ? 0 : (uint32_t)(2 + number / 2 % 4),
                            .usual_steps = usual_steps,
                            .max_steps = MAX_STEPS};
    if (options.depth >= 0) {
        plan.depth = (uint32_t)options.depth;
        plan.choices = options.choices;
        plan.n_choices = options.n_choices;
    }
    return plan;
}

/* ---- Many runs ---- */

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static bool twice_the_same(const struct scenario *scenario, const struct sim_plan *plan)
{
    struct sim_result first = *shared;
    if (run_once(scenario, plan, false) == 0 && shared->hash == first.hash && shared->steps == first.steps)
        return true;
    fprintf(stderr, "%s: seed %llu depth %u went two ways: %llu and %llu steps\n", scenario->name,
            (unsigned long long)plan->seed, plan->depth, (unsigned long long)first.steps,
            (unsigned long long)shared->steps);
    return false;
}

static bool explore(const struct scenario *scenario, const char *program)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t longest = 100, steps = 0;
    unsigned long n = 0;
    bool one = options.depth >= 0;
    for (; one ? n < 1 : options.runs > 0 ? n < options.runs : seconds_since(&start) < options.seconds; n++) {
        struct sim_plan plan = plan_of(n, longest);
        int status = run_once(scenario, &plan, options.plant != NULL);
        if (status != 0 && options.plant != NULL) {
            printf("%s: planted '%s' found in run %lu\n", scenario->name, options.plant, n + 1);
            return true;
        }
        if (status != 0) {
            say_how(status);
            fprintf(stderr, "again: %s --seed %llu --depth %u%s %s\n", program, (unsigned long long)plan.seed,
                    plan.depth, plan.n_choices > 0 ? " --choices ..." : "", scenario->name);
            return false;
        }
        steps += shared->steps;
        if (n % 100 == 0 && !one && !twice_the_same(scenario, &plan))
            return false;
        if (n < 50 && shared->steps > longest)
            longest = shared->steps;
    }
    double took = seconds_since(&start);
    printf("%s: %lu runs, %llu steps a run, %.1f s%s\n", scenario->name, n, (unsigned long long)(n > 0 ? steps / n : 0),
           took, options.plant != NULL ? ": the planted fault was NOT found" : "");
    fflush(stdout);
    return options.plant == NULL;
}

/* ---- The command line ---- */

static void read_choices(const char *text)
{
    options.choices = malloc(1u << 20);
    while (options.choices != NULL && *text != '\0') {
        char *end;
        unsigned long thread = strtoul(text, &end, 10), times = 1;
        if (*end == '*')
            times = strtoul(end + 1, &end, 10);
        for (; times > 0 && options.n_choices < 1u << 20; times--)
            options.choices[options.n_choices++] = (uint8_t)thread;
        text = *end == ',' ? end + 1 : "";
    }
}

static int list(const struct scenario *scenarios, size_t n)
{
    for (size_t i = 0; i < n; i++)
        puts(scenarios[i].name);
    return 0;
}

int sim_main(int argc, char **argv, const struct scenario *scenarios, size_t n)
{
    static const struct option known[] = {
        {"seconds", required_argument, NULL, 's'}, {"runs", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'e'},    {"depth", required_argument, NULL, 'd'},
        {"choices", required_argument, NULL, 'c'}, {"plant", required_argument, NULL, 'p'},
        {"list", no_argument, NULL, 'l'},          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 's':
            options.seconds = strtod(optarg, NULL);
            break;
        case 'r':
            options.runs = strtoul(optarg, NULL, 10);
            break;
        case 'e':
            options.seed = strtoul(optarg, NULL, 10);
            break;
        case 'd':
            options.depth = strtol(optarg, NULL, 10);
            break;
        case 'c':
            read_choices(optarg);
            break;
        case 'p':
            options.plant = optarg;
            break;
        case 'l':
            return list(scenarios, n);
        default:
            fprintf(stderr, usage, argv[0]);
            return 2;
        }
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || (options.plant != NULL && setenv("THRUM_SIM_PLANT", options.plant, 1) != 0))
        return 1;
    bool good = true, any = false;
    for (size_t i = 0; i < n; i++) {
        bool wanted = optind == argc;
        for (int a = optind; a < argc; a++)
            wanted = wanted || strcmp(argv[a], scenarios[i].name) == 0;
        any = any || wanted;
        good = (!wanted || explore(&scenarios[i], argv[0])) && good;
    }
    if (!any)
        fprintf(stderr, "%s: there is no such scenario; --list names them\n", argv[0]);
    return good && any ? 0 : 1;
}
