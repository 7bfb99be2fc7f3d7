/*
 * main.cc - runs the scenarios, and shows that they bite
 *
 * Without arguments each scenario is run so many times, in as many ways, and must hold in all of them. With
 * --mutants each order in the sources that a scenario reaches is made weaker, one at a time and one step at
 * a time, and some scenario must fail. What may survive is in stays.txt.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "model.h"

extern "C" model_site *const __start_model_sites[], *const __stop_model_sites[];

namespace
{

const char *const usage =
    "usage: model [--runs N] [SCENARIO]             run all scenarios, or the one\n"
    "       model --mutants STAYS [--runs N]        show that they find each order that is too weak\n"
    "       model --weaken SITE ORDER [--runs N] [SCENARIO]   show how one is found\n"
    "       model --list                            scenarios, and places of atomic operations\n";

const char *const order_names[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};

std::vector<const model_scenario *> scenarios;
std::vector<model_site *> sites; /* each place once, by file and line */
unsigned long runs = 0;

std::string base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != nullptr ? slash + 1 : path;
}

/* As stays.txt has it: file, function, operation and order; no line, for those move. */
std::string name_of(const model_site *site)
{
    std::string name =
        base_name(site->file) + ":" + site->function + ":" + site->operation + "_" + order_names[site->order];
    return site->number > 1 ? name + "#" + std::to_string(site->number) : name;
}

/* A function that is inline in a header stands in several units; then the first one's stand for all. */
void collect_sites()
{
    for (model_site *const *site = __start_model_sites; site != __stop_model_sites; site++)
        if (strstr((*site)->file, "tests/") == nullptr)
            sites.push_back(*site);
    std::sort(sites.begin(), sites.end(), [](const model_site *a, const model_site *b) {
        return std::make_tuple(std::string(a->file), a->line, a->nth) <
               std::make_tuple(std::string(b->file), b->line, b->nth);
    });
    std::vector<model_site *> each;
    std::map<std::pair<std::string, std::string>, unsigned> counts; /* by unit and name */
    std::map<std::string, model_site *> firsts;
    for (model_site *site : sites) {
        site->number = 1;
        site->number = ++counts[{site->unit, name_of(site)}];
        model_site *&first = firsts[name_of(site)];
        if (first == nullptr)
            each.push_back(first = site);
        else
            site->same = first;
    }
    sites = each;
}

/* One step at a time. */
std::vector<int> weaker(const model_site *site)
{
    bool is_load = strcmp(site->operation, "load") == 0, is_store = strcmp(site->operation, "store") == 0;
    switch (site->order) {
    case __ATOMIC_SEQ_CST:
        return {is_load ? __ATOMIC_ACQUIRE : is_store ? __ATOMIC_RELEASE : __ATOMIC_ACQ_REL};
    case __ATOMIC_ACQ_REL:
        return {__ATOMIC_ACQUIRE, __ATOMIC_RELEASE};
    case __ATOMIC_ACQUIRE:
    case __ATOMIC_RELEASE:
        return {__ATOMIC_RELAXED};
    default:
        return {};
    }
}

model_finding run(const model_scenario *scenario, unsigned long first, unsigned long n, bool print)
{
    unsigned index = 0;
    while (scenarios[index] != scenario)
        index++;
    return model_run(scenario, index, first, n, print);
}

bool run_all(const char *only)
{
    bool good = true;
    for (const model_scenario *scenario : scenarios) {
        if (only != nullptr && strcmp(only, scenario->name) != 0)
            continue;
        model_finding finding = run(scenario, 1, runs, false);
        if (!finding.found) {
            printf("%s: holds in %lu runs\n", scenario->name, runs);
            fflush(stdout);
            continue;
        }
        good = false;
        printf("%s: %s\n", scenario->name, finding.text);
        fflush(stdout);
        finding = run(scenario, finding.run, 1, true);
        printf("%s: FAIL, run %lu: %s\n", scenario->name, finding.run, finding.text);
        fflush(stdout);
    }
    return good;
}

/* The scenario that finds it, or NULL. Each has a few runs first, for most are found soon by one of them; in the end
 * it has more than it has to hold in, so that a finding does not hang on one run. */
const model_scenario *hunt(const model_site *site, int order, model_finding *ret_finding)
{
    const model_scenario *found = nullptr;
    model_weaken(site, order);
    for (unsigned long first = 1, last = 20; first <= 4 * runs && found == nullptr; first = last + 1, last *= 8)
        for (unsigned i = 0; i < scenarios.size() && found == nullptr; i++)
            if (site->reached[i]) {
                *ret_finding = run(scenarios[i], first, std::min(last, 4 * runs) - first + 1, false);
                if (ret_finding->found)
                    found = scenarios[i];
            }
    model_weaken(nullptr, 0);
    return found;
}

/* Lines 'PLACE as ORDER: reason', or 'FILE: reason' for a file of which anything may stay; empty ones and comments. */
std::map<std::string, std::string> read_stays(const char *path)
{
    std::map<std::string, std::string> stays;
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        size_t end = line.find(": ");
        if (!line.empty() && line[0] != '#' && end != std::string::npos)
            stays[line.substr(0, end)] = line.substr(end + 2);
    }
    return stays;
}

bool run_mutants(const char *path)
{
    std::map<std::string, std::string> stays = read_stays(path);
    unsigned long found = 0, stayed = 0, bad = 0, all = runs;
    runs = 300; /* to learn which scenario comes where */
    if (!run_all(nullptr))
        return false;
    runs = all;
    for (const model_site *site : sites)
        for (int order : weaker(site)) {
            std::string mutant = name_of(site) + " as " + order_names[order];
            bool in_file = stays.count(base_name(site->file)) > 0, listed = stays.erase(mutant) > 0 || in_file;
            if (std::find(site->reached, site->reached + scenarios.size(), true) == site->reached + scenarios.size()) {
                printf("%s %s: no scenario comes there\n", listed ? "stays:" : "FAIL:", mutant.c_str());
                listed ? stayed++ : bad++;
                continue;
            }
            model_finding finding = {};
            const model_scenario *by = hunt(site, order, &finding);
            if (by != nullptr && (!listed || in_file)) {
                printf("found: %s: by %s in run %lu, %.40s\n", mutant.c_str(), by->name, finding.run, finding.text);
                found++;
            } else if (by != nullptr) {
                printf("FAIL: %s: is found, by %s, and listed as one that is not\n", mutant.c_str(), by->name);
                bad++;
            } else if (listed) {
                printf("stays: %s\n", mutant.c_str());
                stayed++;
            } else {
                printf("FAIL: %s: no scenario finds it\n", mutant.c_str());
                bad++;
            }
            fflush(stdout);
        }
    for (const auto &entry : stays) {
        if (entry.first.find(' ') == std::string::npos)
            continue;
        printf("FAIL: %s: listed, and there is no such place\n", entry.first.c_str());
        bad++;
    }
    printf("%lu orders that are too weak were found, %lu stay for their reasons, %lu failures\n", found, stayed, bad);
    return bad == 0;
}

bool run_weakened(const char *name, const char *order_name, const char *only)
{
    for (model_site *site : sites)
        if (name_of(site) == name)
            for (int order = 0; order < 6; order++)
                if (strcmp(order_names[order], order_name) == 0) {
                    model_weaken(site, order);
                    return run_all(only);
                }
    fprintf(stderr, "model: no such place or order\n");
    return false;
}

bool list()
{
    for (const model_scenario *scenario : scenarios)
        printf("scenario %s\n", scenario->name);
    for (const model_site *site : sites)
        printf("%s (%s:%d)\n", name_of(site).c_str(), site->file, site->line);
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    for (const model_scenario *some :
         {platform_scenarios, park_scenarios, signal_scenarios, order_scenarios, threading_scenarios, objects_scenarios,
          queue_scenarios, futures_scenarios, coroutine_scenarios, scheduler_scenarios})
        for (; some->name != nullptr; some++)
            scenarios.push_back(some);
    if (scenarios.size() > MODEL_SCENARIOS)
        abort();
    collect_sites();
    const char *stays = nullptr, *weak = nullptr, *order = nullptr, *only = nullptr;
    bool listing = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = strtoul(argv[++i], nullptr, 10);
        } else if (strcmp(argv[i], "--mutants") == 0 && i + 1 < argc) {
            stays = argv[++i];
        } else if (strcmp(argv[i], "--weaken") == 0 && i + 2 < argc) {
            weak = argv[++i];
            order = argv[++i];
        } else if (strcmp(argv[i], "--list") == 0) {
            listing = true;
        } else if (argv[i][0] == '-') {
            fputs(usage, stderr);
            return 2;
        } else {
            only = argv[i];
        }
    }
    if (runs == 0)
        runs = 2000;
    bool good = listing            ? list()
                : stays != nullptr ? run_mutants(stays)
                : weak != nullptr  ? run_weakened(weak, order, only)
                                   : run_all(only);
    return good ? 0 : 1;
}
