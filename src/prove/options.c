#include "prove/prove.h"

#include "base/decimal.h"
#include "base/utf8.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS_PER_HOOK = 6 };

void prove_options_help(void)
{
    puts(
        "usage: mayfly-prove --url URL [option ...]\n"
        "\n"
        "Proves on a running site that no worker is special: many accounts log in, write, upload and read, while the\n"
        "hooks kill, restart and stop things; in the end everything that was acknowledged is checked.\n"
        "Its accounts are named prove-... and closed afterwards.\n"
        "\n"
        "  --url URL          the site, such as https://example.org\n"
        "  --users N          accounts; default 24\n"
        "  --clients N        requests under way at once; default 8\n"
        "  --duration S       seconds of load; default 6 for each hook and 6 more\n"
        "  --hook [outage:][SECONDS:]NAME=COMMAND\n"
        "                     a command for /bin/sh that does something to the site. May be given several times; they\n"
        "                     run in this order. No request may fail meanwhile, unless it is an outage. The command\n"
        "                     is killed after 60 seconds or SECONDS. rolling: is the opposite of outage:\n"
        "  --upload yes|no    upload files as well; default yes when the site has POST /upload\n"
        "  --until-failure    end at the first broken promise\n"
        "  --seed N           seed of the order of requests and of the files' bytes; default random\n"
        "  --json FILE        write the report for programs\n"
        "  --html FILE        write the report as a page with a time line\n"
        "  -V, --version      print the version and exit\n"
        "  -h, --help         print this and exit\n"
        "\n"
        "^C ends it early and reports what is known; a second one leaves at once.\n"
        "Exit status: 0 proven, 1 not proven, 2 the arguments are wrong or the site can't be used.");
}

static bool read_number(const char *name, const char *text, int64_t least, int64_t most, int64_t *number,
                        struct err *err)
{
    return decimal_parse(text, least, most, number) || err_set(err, ERR_INPUT, "--%s %.40s: a number from %lld to %lld",
                                                               name, text, (long long)least, (long long)most);
}

static bool read_upload(struct prove_options *options, const char *text, struct err *err)
{
    options->upload = strcmp(text, "no") == 0 ? UPLOAD_NO : UPLOAD_YES;
    return options->upload == UPLOAD_NO || strcmp(text, "yes") == 0 || err_set(err, ERR_INPUT, "--upload: yes or no");
}

static bool add_hook(struct prove_options *options, const char *text, struct err *err)
{
    if (options->hook_count == PROVE_HOOKS_MAX)
        return err_set(err, ERR_INPUT, "--hook: at most %d times", PROVE_HOOKS_MAX);
    return hook_read(text, &options->hooks[options->hook_count++], err);
}

static bool take(struct prove_options *options, int letter, char *value, struct err *err)
{
    switch (letter) {
    case 'a':
        while (strlen(value) > 0 && value[strlen(value) - 1] == '/')
            value[strlen(value) - 1] = '\0';
        options->url = value;
        return true;
    case 'u':
        return read_number("users", value, 1, PROVE_USERS_MAX, &options->users, err);
    case 'c':
        return read_number("clients", value, 1, PROVE_CLIENTS_MAX, &options->clients, err);
    case 'd':
        return read_number("duration", value, 1, PROVE_DURATION_MAX_S, &options->duration_s, err);
    case 's':
        return read_number("seed", value, 0, INT64_MAX, &options->seed, err);
    case 'k':
        return add_hook(options, value, err);
    case 'p':
        return read_upload(options, value, err);
    case 'f':
        options->until_failure = true;
        return true;
    case 'j':
        options->json_path = value;
        return true;
    case 'm':
        options->html_path = value;
        return true;
    case 'V':
        options->version = true;
        return true;
    default:
        options->help = true;
        return true;
    }
}

/* The report can hold only UTF-8. */
static bool check_encoding(int count, char **words, struct err *err)
{
    for (int i = 1; i < count; i++)
        if (utf8_check(words[i], strlen(words[i])) != strlen(words[i]))
            return err_set(err, ERR_INPUT, "argument %d is not UTF-8", i);
    return true;
}

bool prove_options_read(struct prove_options *options, int count, char **words, struct err *err)
{
    static const struct option longs[] = {
        {"url", required_argument, NULL, 'a'},
        {"users", required_argument, NULL, 'u'},
        {"clients", required_argument, NULL, 'c'},
        {"duration", required_argument, NULL, 'd'},
        {"seed", required_argument, NULL, 's'},
        {"hook", required_argument, NULL, 'k'},
        {"upload", required_argument, NULL, 'p'},
        {"until-failure", no_argument, NULL, 'f'},
        {"json", required_argument, NULL, 'j'},
        {"html", required_argument, NULL, 'm'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    *options = (struct prove_options){.users = 24, .clients = 8, .seed = -1};
    if (!check_encoding(count, words, err))
        return false;
    optind = 0;
    opterr = 0;
    while ((letter = getopt_long(count, words, ":hV", longs, NULL)) != -1) {
        if (letter == '?')
            return err_set(err, ERR_INPUT, "%.100s: no such option", words[optind - 1]);
        if (letter == ':')
            return err_set(err, ERR_INPUT, "%.100s: needs a value", words[optind - 1]);
        if (!take(options, letter, optarg, err))
            return false;
    }
    if (options->help || options->version)
        return true;
    if (optind < count)
        return err_set(err, ERR_INPUT, "%.100s: one argument too many", words[optind]);
    if (options->url == NULL)
        return err_set(err, ERR_INPUT, "--url is missing");
    if (options->duration_s == 0)
        options->duration_s = SECONDS_PER_HOOK * ((int64_t)options->hook_count + 1);
    if (options->clients > options->users)
        options->clients = options->users;
    return true;
}
