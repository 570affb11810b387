#include "media/thumbnail_options.h"

#include "base/decimal.h"
#include "media/thumbnail.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: mayfly-thumbnail [--max-pixels N] [--max-side N] [--memory-bytes N] [--cpu-s N]\n"
    "                        BOX <IMAGE >THUMBNAIL\n"
    "       mayfly-thumbnail --zygote [...]\n"
    "\n"
    "Makes a thumbnail of a JPEG, PNG, WebP or GIF image, at most BOX x BOX pixels (16 to 1024).\n"
    "Standard input must be a regular file. mayfly-worker starts this program, and its settings\n"
    "thumbnail_... become the options: with --zygote it does so in a child for each image that\n"
    "comes through the socket on descriptor 0.\n"
    "\n"
    "      --max-pixels N    refuse images of more pixels; default 50000000\n"
    "      --max-side N      refuse images of more rows or columns; default 65535\n"
    "      --memory-bytes N  address space, the libraries' included; default 536870912\n"
    "      --cpu-s N         seconds of computing; default 5\n"
    "  -V, --version         print the version and exit\n"
    "  -h, --help            print this and exit\n"
    "\n"
    "Exit status: 0 made, 40 none of these formats, 41 too many pixels, rows or columns,\n"
    "             42 broken or cut off, 43 more memory, time or output than allowed, 44 called wrongly or a fault of "
    "its own\n";

enum thumbnail_status thumbnail_complain(const struct thumbnail_options *options, enum thumbnail_status status,
                                         const char *reason)
{
    dprintf(options->complaint, "mayfly-thumbnail: %s\n", reason);
    return status;
}

bool thumbnail_options_read(struct thumbnail_options *options, int argc, char **argv, enum thumbnail_status *status)
{
    static const struct option longs[] = {
        {"max-pixels", required_argument, NULL, 'p'},
        {"max-side", required_argument, NULL, 's'},
        {"memory-bytes", required_argument, NULL, 'm'},
        {"cpu-s", required_argument, NULL, 'c'},
        {"zygote", no_argument, NULL, 'z'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct config standard;
    bool good = true;
    int64_t box = THUMBNAIL_BOX_MAX;
    int letter;

    config_init(&standard);
    *options = (struct thumbnail_options){
        .max_pixels = standard.thumbnail_max_pixels,
        .max_side = standard.thumbnail_max_side,
        .limits = {standard.thumbnail_memory_bytes, standard.thumbnail_cpu_s, THUMBNAIL_OUTPUT_MAX_BYTES},
        .input = STDIN_FILENO,
        .output = STDOUT_FILENO,
        .complaint = STDERR_FILENO,
    };
    *status = THUMBNAIL_MADE;
    while (good && (letter = getopt_long(argc, argv, "Vh", longs, NULL)) != -1)
        switch (letter) {
        case 'p':
            good = decimal_parse(optarg, 1, INT64_MAX, &options->max_pixels);
            break;
        case 's':
            good = decimal_parse(optarg, 1, INT64_MAX, &options->max_side);
            break;
        case 'm':
            good = decimal_parse(optarg, 1, INT64_MAX, &options->limits.memory_bytes);
            break;
        case 'c':
            good = decimal_parse(optarg, 1, INT64_MAX - 1, &options->limits.cpu_s);
            break;
        case 'z':
            options->is_zygote = true;
            break;
        case 'V':
            puts("mayfly-thumbnail " VERSION);
            return false;
        case 'h':
            fputs(usage, stdout);
            return false;
        default:
            good = false;
            break;
        }
    good = good && (options->is_zygote ? optind == argc
                                       : optind == argc - 1 &&
                                             decimal_parse(argv[optind], THUMBNAIL_BOX_MIN, THUMBNAIL_BOX_MAX, &box));
    if (!good) {
        *status = thumbnail_complain(options, THUMBNAIL_BUG, "wrong usage; try --help");
        return false;
    }
    options->box = (int)box;
    return true;
}
