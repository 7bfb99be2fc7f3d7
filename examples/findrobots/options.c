/*
 * options.c - the command line of findrobots
 */
#include "findrobots.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "Usage: findrobots [OPTIONS] FILE|DIR...\n"
                           "Print the hosts that asked for /robots.txt in a web server's access logs: sorted,\n"
                           "each once. A directory stands for its *.gz files, and - for standard input. Files\n"
                           "may be gzip or plain text. All cores are used.\n"
                           "\n"
                           "  --where N=TEXT   lines count whose field N is TEXT (default 6=/robots.txt);\n"
                           "                   fields are numbered from 0 and parted by white space\n"
                           "  --print N        print field N of those lines (default 0)\n"
                           "  --executor SPEC  run on serial, threads, or threads:N (default: what the variable\n"
                           "                   THRUM_EXECUTOR says, or threads)\n"
                           "  --stats          say on stderr what there was, and how fast it went\n"
                           "  --help           print this\n"
                           "  --version        print the version\n"
                           "\n"
                           "A file that cannot be read to its end adds nothing: a line on stderr says what is\n"
                           "wrong with it, and the exit status is 1. Wrong usage is 2.\n";

enum { OPTION_WHERE = 256, OPTION_PRINT, OPTION_EXECUTOR, OPTION_STATS, OPTION_HELP, OPTION_VERSION };

static const struct option long_options[] = {
    {"where", required_argument, NULL, OPTION_WHERE},
    {"print", required_argument, NULL, OPTION_PRINT},
    {"executor", required_argument, NULL, OPTION_EXECUTOR},
    {"stats", no_argument, NULL, OPTION_STATS},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* A field's number, which ends at *ret_end. Nine digits are more fields than any line has. */
static bool parse_number(const char *text, size_t *ret_number, const char **ret_end)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    *ret_number = strtoul(text, NULL, 10);
    *ret_end = text + digits;
    return true;
}

static bool parse_where(const char *value, struct query *query)
{
    const char *end;
    if (!parse_number(value, &query->where, &end) || *end != '=') {
        say("--where '%s': not of the form N=TEXT, as in 6=/robots.txt", value);
        return false;
    }
    const char *text = end + 1;
    if (*text == '\0' || strpbrk(text, " \t\n\v\f\r\x1c\x1d\x1e\x1f") != NULL) {
        say("--where '%s': no field can be that text, for it is empty or has white space in it", value);
        return false;
    }
    query->text = (thrum_bytes){text, strlen(text)};
    return true;
}

static bool parse_print(const char *value, struct query *query)
{
    const char *end;
    if (parse_number(value, &query->print, &end) && *end == '\0')
        return true;
    say("--print '%s': not the number of a field", value);
    return false;
}

/* getopt_long leaves the word that it did not like before optind, or a letter in optopt. */
static int refuse(int option, char **argv)
{
    if (option == ':')
        say("option '%s' needs a value; findrobots --help says which", argv[optind - 1]);
    else if (optopt >= OPTION_WHERE)
        say("option '%s' takes no value", argv[optind - 1]);
    else if (optopt > 0)
        say("unknown option '-%c'; findrobots --help lists all", optopt);
    else
        say("unknown option '%s'; findrobots --help lists all", argv[optind - 1]);
    return STATUS_USAGE;
}

/* Two tasks that read standard input at once would tear its lines apart. */
static bool stdin_twice(const struct options *options)
{
    size_t n = 0;
    for (size_t i = 0; i < options->n_paths; i++)
        n += strcmp(options->paths[i], "-") == 0;
    return n > 1;
}

int options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.query = {.where = 6, .text = {"/robots.txt", 11}}};
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_WHERE:
            if (!parse_where(optarg, &options->query))
                return STATUS_USAGE;
            break;
        case OPTION_PRINT:
            if (!parse_print(optarg, &options->query))
                return STATUS_USAGE;
            break;
        case OPTION_EXECUTOR:
            options->executor = optarg;
            break;
        case OPTION_STATS:
            options->stats = options->query.count = true;
            break;
        case OPTION_HELP:
            fputs(help, stdout);
            return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
        case OPTION_VERSION:
            printf("findrobots (thrum) %s\n", thrum_version());
            return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
        default:
            return refuse(option, argv);
        }
    }
    options->paths = argv + optind;
    options->n_paths = (size_t)(argc - optind);
    if (options->n_paths == 0) {
        say("no file or directory given; findrobots --help says more");
        return STATUS_USAGE;
    }
    if (stdin_twice(options)) {
        say("standard input (-) is given more than once");
        return STATUS_USAGE;
    }
    return -1;
}
