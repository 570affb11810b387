#include "worker/options.h"

#include "app/paths.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static const char usage[] = "usage: spawn-fcgi -n -s SOCKET -M 0660 -b 1024 -- multiwatch -f N -t 500 -r 20 -- \\\n"
                            "           mayfly-worker [-c FILE] [--pool NAME]\n"
                            "       mayfly-worker -t [--no-secret] [-c FILE]\n"
                            "\n"
                            "One of many identical FastCGI workers; nginx reaches it through descriptor 0.\n"
                            "\n"
                            "  -c, --config FILE  settings; default $MAYFLY_CONFIG or " DEFAULT_CONFIG "\n"
                            "      --pool NAME    name of its pool, for the log and X-Mayfly-Worker\n"
                            "  -t, --test         check the configuration and the schema, and exit\n"
                            "      --no-secret    with -t: leave out what only credentials hold, for a reload\n"
                            "  -V, --version      print the version and exit\n"
                            "  -h, --help         print this and exit\n"
                            "\n"
                            "Signals: TERM, INT, USR1  remove the socket's path, answer what is queued, exit\n"
                            "         USR2, HUP        answer what is in hand, exit; multiwatch starts a successor\n";

/* Goes into a header and into every log line. */
static bool plain_name(const char *name)
{
    return name[0] != '\0' && strlen(name) <= 32 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(name);
}

int options_read(struct options *options, int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"pool", required_argument, NULL, 'p'},
        {"test", no_argument, NULL, 't'},
        {"no-secret", no_argument, NULL, 's'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    *options = (struct options){.config_path = default_config_path(), .pool = "mayfly"};
    while ((letter = getopt_long(argc, argv, "c:tVh", longs, NULL)) != -1)
        switch (letter) {
        case 'c':
            options->config_path = optarg;
            break;
        case 'p':
            options->pool = optarg;
            break;
        case 't':
            options->check_only = true;
            break;
        case 's':
            options->no_secret = true;
            break;
        case 'V':
            puts("mayfly-worker " VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs("Try mayfly-worker --help.\n", stderr);
            return EXIT_USAGE;
        }
    if (options->no_secret && !options->check_only) {
        fputs("mayfly-worker: --no-secret is for --test only. Try --help.\n", stderr);
        return EXIT_USAGE;
    }
    if (optind == argc && plain_name(options->pool))
        return -1;
    fputs("mayfly-worker: a pool's name is 1 to 32 letters, digits, '-', '_' or '.'; there are no other arguments. "
          "Try --help.\n",
          stderr);
    return EXIT_USAGE;
}
