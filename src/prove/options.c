#include "prove/prove.h"

#include "base/decimal.h"
#include "base/utf8.h"
#include "prove/events.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Of a variable, as in the scenario. */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

enum {
    SECONDS_PER_HOOK = 6,
    ACCOUNTS_DEFAULT = 24,
    VIRTUAL_USERS_DEFAULT = 8,
    UNAVAILABLE_DEFAULT_S = 10,
    UNAVAILABLE_MAX_S = 3600,
};

void prove_options_help(void)
{
    puts(
        "usage: mayfly-prove --url URL [option ...]\n"
        "       mayfly-prove SCENARIO --url URL [option ...]\n"
        "       mayfly-prove SCENARIO --command COMMAND [option ...]\n"
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
        "  --pid-file FILE    a process with workers: reloads it by HUP, kills its workers, kills one of them\n"
        "  --systemd-unit UNIT\n"
        "                     restarts, kills and stops it. May be given several times\n"
        "  --site URL         a site behind its gate, whose rules let each account in: it is entered and left\n"
        "  --upload yes|no    upload files as well; default yes when the site has POST /upload\n"
        "  --until-failure    end at the first broken promise\n"
        "  --seed N           seed of the order of requests and of the files' bytes; default random\n"
        "  --json FILE        write the report for programs\n"
        "  --html FILE        write the report as a page with a time line\n"
        "  -V, --version      print the version and exit\n"
        "  -h, --help         print this and exit\n"
        "\n"
        "With SCENARIO, a file in Hurl's format, any application is tried (see mayfly-prove(1)):\n"
        "  --users N          virtual users, default 8\n"
        "  --variable NAME=VALUE\n"
        "                     for {{NAME}} in the scenario\n"
        "  --command COMMAND  start copies of a program, which listen on 127.0.0.1:$PORT, behind a round robin;\n"
        "                     replace, kill, stop and restart them\n"
        "  --copies N         how many copies; default 2\n"
        "  --unavailable-max S\n"
        "                     the longest that a request may wait until it is answered; default 10\n"
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

static bool add_variable(struct prove_options *options, char *text, struct err *err)
{
    char *equals = strchr(text, '=');

    if (options->variable_count == PROVE_VARIABLES_MAX)
        return err_set(err, ERR_INPUT, "--variable: at most %d times", PROVE_VARIABLES_MAX);
    if (equals == NULL || equals == text || strspn(text, NAME_CHARACTERS) != (size_t)(equals - text))
        return err_set(err, ERR_INPUT, "--variable %.100s: say NAME=VALUE", text);
    *equals = '\0';
    options->variables[2 * options->variable_count] = text;
    options->variables[2 * options->variable_count + 1] = equals + 1;
    options->variable_count++;
    return true;
}

static bool add_unit(struct prove_options *options, const char *unit, struct err *err)
{
    if (options->unit_count == PROVE_UNITS_MAX)
        return err_set(err, ERR_INPUT, "--systemd-unit: at most %d times", PROVE_UNITS_MAX);
    options->units[options->unit_count++] = unit;
    return true;
}

static const char *cut_slashes(char *url)
{
    while (strlen(url) > 0 && url[strlen(url) - 1] == '/')
        url[strlen(url) - 1] = '\0';
    return url;
}

static bool take(struct prove_options *options, int letter, char *value, struct err *err)
{
    switch (letter) {
    case 'a':
        options->url = cut_slashes(value);
        return true;
    case 't':
        options->site_url = cut_slashes(value);
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
    case 'v':
        return add_variable(options, value, err);
    case 'l':
        return read_number("unavailable-max", value, 1, UNAVAILABLE_MAX_S, &options->unavailable_max_s, err);
    case 'i':
        options->pid_file = value;
        return true;
    case 'y':
        return add_unit(options, value, err);
    case 'o':
        options->command = value;
        return true;
    case 'n':
        return read_number("copies", value, 1, COPIES_MAX, &options->copies, err);
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

/* Which options need a scenario, and which exclude one. */
static bool check_scenario(struct prove_options *options, struct err *err)
{
    bool is_scenario = options->scenario_path != NULL;

    if (!is_scenario && (options->command != NULL || options->variable_count > 0))
        return err_set(err, ERR_INPUT, "%s goes with a scenario; none is given",
                       options->command != NULL ? "--command" : "--variable");
    if (is_scenario && options->site_url != NULL)
        return err_set(err, ERR_INPUT, "--site is for mayfly; a scenario says itself where it goes");
    if (is_scenario && options->upload != UPLOAD_AUTO)
        return err_set(err, ERR_INPUT, "--upload is for mayfly; a scenario says itself what it uploads");
    if (options->url == NULL && options->command != NULL)
        options->url = "http://localhost";
    if (options->url == NULL)
        return err_set(err, ERR_INPUT, "--url is missing");
    if (is_scenario && options->users > PROVE_CLIENTS_MAX)
        return err_set(err, ERR_INPUT, "--users: a scenario has %d virtual users at most", PROVE_CLIENTS_MAX);
    return true;
}

static void set_defaults(struct prove_options *options)
{
    if (options->users == 0)
        options->users = options->scenario_path != NULL ? VIRTUAL_USERS_DEFAULT : ACCOUNTS_DEFAULT;
    if (options->duration_s == 0)
        options->duration_s = SECONDS_PER_HOOK * ((int64_t)options->hook_count + 1);
    if (options->clients > options->users)
        options->clients = options->users;
}

void prove_options_free(struct prove_options *options)
{
    arena_free(&options->arena);
}

bool prove_options_read(struct prove_options *options, int count, char **words, struct err *err)
{
    static const struct option longs[] = {
        {"url", required_argument, NULL, 'a'},
        {"site", required_argument, NULL, 't'},
        {"users", required_argument, NULL, 'u'},
        {"clients", required_argument, NULL, 'c'},
        {"duration", required_argument, NULL, 'd'},
        {"seed", required_argument, NULL, 's'},
        {"hook", required_argument, NULL, 'k'},
        {"upload", required_argument, NULL, 'p'},
        {"until-failure", no_argument, NULL, 'f'},
        {"variable", required_argument, NULL, 'v'},
        {"unavailable-max", required_argument, NULL, 'l'},
        {"pid-file", required_argument, NULL, 'i'},
        {"systemd-unit", required_argument, NULL, 'y'},
        {"command", required_argument, NULL, 'o'},
        {"copies", required_argument, NULL, 'n'},
        {"json", required_argument, NULL, 'j'},
        {"html", required_argument, NULL, 'm'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    *options = (struct prove_options){
        .clients = 8, .seed = -1, .unavailable_max_s = UNAVAILABLE_DEFAULT_S, .copies = COPIES_DEFAULT};
    arena_init(&options->arena, PROVE_OPTIONS_BYTES);
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
        options->scenario_path = words[optind++];
    if (optind < count)
        return err_set(err, ERR_INPUT, "%.100s: one argument too many", words[optind]);
    if (!check_scenario(options, err) || !events_add(options, err))
        return false;
    set_defaults(options);
    return true;
}
