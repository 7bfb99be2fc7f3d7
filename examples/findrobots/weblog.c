/*
 * weblog.c - lines of a made-up web server's access log, in Apache's combined format
 *
 * The lines are the same on every machine: all numbers come from a generator of our own, and
 * no floating point is used. They are like real ones in what matters to a program
 * that reads them: their length, the share of robots, and how well they compress (about ten
 * to one), which comes from some visitors at a time who load a page, then the images on it.
 *
 * Hosts, pages and agents are not tables but functions of a number. Addresses and names are
 * from the ranges that are set aside for examples and tests.
 */
#include "weblog.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { HOSTS = 60000, BOT_HOSTS = 700, PAGES = 6000, AGENTS = 400 };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Numbers ------------------------------------------------------------ */

/* SplitMix64, by Sebastiano Vigna: one round, as a hash and as the step of a generator. */
static uint64_t scramble(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint32_t below(struct weblog *log, uint32_t limit)
{
    uint64_t x = scramble(log->random);
    log->random += UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)((x >> 32) * limit >> 32);
}

/* Small numbers more often than large ones: few pages and hosts make most of the traffic. */
static uint32_t below_skewed(struct weblog *log, uint32_t limit)
{
    return below(log, below(log, below(log, limit) + 1) + 1);
}

static bool chance(struct weblog *log, uint32_t percent)
{
    return below(log, 100) < percent;
}

/* ---- Names -------------------------------------------------------------- */

static const char *const words[] = {
    "apache",   "backup",  "benchmark", "cache",    "cluster", "compile", "config",   "daemon",  "debug",   "deploy",
    "disk",     "dns",     "filter",    "firewall", "garden",  "grep",    "index",    "jenkins", "kernel",  "keyboard",
    "ldap",     "linux",   "logging",   "memory",   "metrics", "monitor", "mysql",    "network", "nginx",   "notes",
    "openssl",  "packet",  "parser",    "pattern",  "perl",    "proxy",   "puppet",   "python",  "query",   "release",
    "router",   "ruby",    "scaling",   "search",   "shell",   "socket",  "solution", "ssh",     "storage", "syslog",
    "terminal", "testing", "thread",    "timeout",  "tuning",  "unicode", "upgrade",  "virtual", "window",  "xorg",
};

static const char *word(uint64_t number)
{
    return words[number % COUNT(words)];
}

static void host_name(uint32_t host, char *text, size_t size)
{
    uint64_t x = scramble(host + UINT64_C(0x1000000));
    unsigned a = x >> 8 & 255, b = x >> 16 & 255, c = x >> 24 & 255, d = x >> 32 & 255;
    if (x % 10 < 6)
        snprintf(text, size, "10.%u.%u.%u", a, b, c);
    else if (x % 10 < 8)
        snprintf(text, size, "198.%u.%u.%u", 18 + (d & 1), a, b);
    else if (x % 10 < 9)
        snprintf(text, size, "2001:db8:%x:%x::%x", (a << 8) | b, c, d);
    else
        snprintf(text, size, "dsl-%u-%u.%s.example.net", a, b, word(x >> 40));
}

static void page_name(uint32_t page, char *text, size_t size)
{
    static const char *const sections[] = {"blog", "articles", "projects", "presentations", "files", "blog/tags"};
    uint64_t x = scramble(page + UINT64_C(0x2000000));
    const char *section = sections[x >> 8 & 3];
    if (page == 0)
        snprintf(text, size, "/");
    else if (x % 8 < 5)
        snprintf(text, size, "/%s/%s-%s-%s.html", section, word(x >> 16), word(x >> 24), word(x >> 32));
    else if (x % 8 < 7)
        snprintf(text, size, "/%s/%s-%s/", sections[x >> 8 & 1], word(x >> 16), word(x >> 24));
    else
        snprintf(text, size, "/%s/%s?page=%u", sections[4 + (x >> 8 & 1)], word(x >> 16), (unsigned)(x >> 24 & 31));
}

static void image_name(uint32_t page, unsigned image, char *text, size_t size)
{
    static const char *const common[] = {"/style.css", "/reset.css", "/favicon.ico", "/images/logo.png",
                                         "/images/banner.png"};
    if (image < COUNT(common)) {
        snprintf(text, size, "%s", common[image]);
        return;
    }
    uint64_t x = scramble(page * 64 + image + UINT64_C(0x3000000));
    snprintf(text, size, "/images/%s/%s-%s.%s", word(x >> 8), word(x >> 16), word(x >> 24), x & 1 ? "png" : "jpg");
}

static void agent_name(uint32_t agent, bool bot, char *text, size_t size)
{
    static const char *const systems[] = {"Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7",
                                          "X11; Linux x86_64",           "Windows NT 6.1; WOW64",
                                          "X11; Ubuntu; Linux x86_64",   "iPhone; CPU iPhone OS 17_4 like Mac OS X"};
    uint64_t x = scramble(agent + UINT64_C(0x4000000));
    const char *system = systems[(x >> 8) % COUNT(systems)];
    unsigned version = 90 + (x >> 16 & 31), build = 4000 + (x >> 24 & 1023), patch = x >> 40 & 127;
    if (bot)
        snprintf(text, size, "Mozilla/5.0 (compatible; %sbot/%u.%u; +http://%s.example.com/bot.html)", word(x >> 8),
                 1 + version % 4, version % 10, word(x >> 8));
    else if (x % 8 < 5)
        snprintf(text, size, "Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%u.0.%u.%u Safari/537.36",
                 system, version, build, patch);
    else
        snprintf(text, size, "Mozilla/5.0 (%s; rv:%u.0) Gecko/20100101 Firefox/%u.0", system, version, version);
}

void weblog_date(unsigned day, char text[16])
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year = 2025, month = 0;
    for (;; month = 0, year++) {
        unsigned leap = year % 4 == 0;
        for (; month < 12 && day >= lengths[month] + (month == 1 ? leap : 0); month++)
            day -= lengths[month] + (month == 1 ? leap : 0);
        if (month < 12)
            break;
    }
    snprintf(text, 16, "%04u%02u%02u", year % 10000, month + 1, (day + 1) % 100);
}

/* ---- Visitors ----------------------------------------------------------- */

static void new_visitor(struct weblog *log, struct weblog_visitor *visitor)
{
    bool bot = chance(log, 25);
    *visitor = (struct weblog_visitor){.bot = bot, .first = true};
    visitor->host = bot ? HOSTS + below_skewed(log, BOT_HOSTS) : below_skewed(log, HOSTS);
    visitor->agent = (uint32_t)(scramble(visitor->host) % AGENTS); /* a host keeps its agent */
    visitor->requests = bot ? 1 + below(log, 12) : 1 + below(log, 40);
}

/* One request, before it is written. */
struct request {
    const char *method, *version;
    char path[160], referer[224];
    unsigned status, size; /* a size of 0 is written as - */
};

static void ask(struct weblog *log, struct weblog_visitor *visitor, struct request *request)
{
    char page[128];
    *request = (struct request){.method = "GET", .version = "1.1", .status = 200, .referer = "-"};
    if (visitor->bot) {
        bool robots = visitor->first;
        visitor->page = below_skewed(log, PAGES);
        page_name(visitor->page, page, sizeof page);
        snprintf(request->path, sizeof request->path, "%s", robots ? "/robots.txt" : page);
        if (chance(log, 30))
            request->version = "1.0";
    } else if (visitor->images > 0) {
        visitor->images--;
        image_name(visitor->page, visitor->images, request->path, sizeof request->path);
        page_name(visitor->page, page, sizeof page);
        snprintf(request->referer, sizeof request->referer, "http://www.example.org%s", page);
    } else {
        if (!visitor->first && chance(log, 70)) {
            page_name(visitor->page, page, sizeof page);
            snprintf(request->referer, sizeof request->referer, "http://www.example.org%s", page);
        } else if (chance(log, 40)) {
            /* One by one: in which order a call's arguments are computed is the compiler's choice. */
            const char *first = word(below(log, COUNT(words)));
            const char *second = word(below(log, COUNT(words)));
            snprintf(request->referer, sizeof request->referer, "http://search.example.com/find?q=%s+%s&n=%u", first,
                     second, below(log, 100000));
        }
        visitor->page = below_skewed(log, PAGES);
        visitor->images = below(log, 12);
        page_name(visitor->page, request->path, sizeof request->path);
    }
    visitor->first = false;
    uint64_t x = scramble((uint64_t)visitor->page * 64 + visitor->images + strlen(request->path));
    request->size = 200 + (unsigned)(x % 40000) / (1 + (unsigned)(x >> 32) % 16);
}

/* What happens to one in ten. The near misses are what a search for robots.txt must not count. */
static void make_odd(struct weblog *log, struct request *request)
{
    uint32_t kind = below(log, 100);
    if (kind < 60) {
        request->status = 304;
        request->size = 0;
    } else if (kind < 80) {
        request->status = 404;
        request->size = 300 + below(log, 40);
    } else if (kind < 90) {
        request->method = "HEAD";
        request->size = 0;
    } else if (kind < 94) {
        snprintf(request->path, sizeof request->path, "/old/robots.txt");
        request->status = 404;
    } else if (kind < 97) {
        snprintf(request->referer, sizeof request->referer, "http://www.example.org/robots.txt");
    } else {
        request->method = "POST";
        request->status = 500 + below(log, 4);
    }
}

void weblog_start(struct weblog *log, unsigned day)
{
    *log = (struct weblog){.random = scramble(day), .day = day};
    for (size_t i = 0; i < WEBLOG_VISITORS; i++)
        new_visitor(log, &log->visitors[i]);
}

size_t weblog_line(struct weblog *log, unsigned second, char line[WEBLOG_LINE])
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct weblog_visitor *visitor = &log->visitors[below_skewed(log, WEBLOG_VISITORS)];
    if (visitor->requests-- == 0) {
        new_visitor(log, visitor);
        visitor->requests--;
    }
    struct request request;
    ask(log, visitor, &request);
    if (chance(log, 10))
        make_odd(log, &request);

    char host[64], agent[192], date[16], size[16] = "-";
    host_name(visitor->host, host, sizeof host);
    agent_name(visitor->agent, visitor->bot, agent, sizeof agent);
    weblog_date(log->day, date);
    if (request.size > 0)
        snprintf(size, sizeof size, "%u", request.size);
    int month = (date[4] - '0') * 10 + (date[5] - '0') - 1;
    int n = snprintf(line, WEBLOG_LINE,
                     "%s - - [%.2s/%s/%.4s:%02u:%02u:%02u +0000] \"%s %s HTTP/%s\" %u %s \"%s\" \"%s\"\n", host,
                     date + 6, months[month], date, second / 3600, second / 60 % 60, second % 60, request.method,
                     request.path, request.version, request.status, size, request.referer, agent);
    return (size_t)n;
}
