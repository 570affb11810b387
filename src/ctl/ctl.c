/* mayflyctl: the administrator's tool. One row per command says how it is called, what it needs and what runs it. */
#include "ctl/ctl.h"

#include "app/paths.h"
#include "app/services.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = CTL_EXIT_USAGE, GO_ON = -1 };

/* Most commands need everything. */
enum ctl_need { NEED_SERVICES, NEED_CONFIG, NEED_NO_CONFIG };

struct ctl_command {
    const char *family;
    const char *verb; /* NULL: the family's name is the command */
    const char *arguments;
    const char *help;
    bool (*run)(struct ctl *, struct err *);
    enum ctl_need need;
    int least, most;    /* arguments */
    unsigned takes;     /* options */
    int failure;        /* exit status when it is not done; 0: EXIT_FAILURE */
    const char *notes;  /* further lines of its own --help, or NULL */
    bool walks;         /* through whole tables: its statements may take operator_timeout_ms */
    bool reads_options; /* itself, with its own --help: they are those of another program */
};

#define TAKES(option) (1u << OPTION_##option)

static const char password_notes[] =
    "The password is asked for twice at a terminal, or read as one line from standard input.\n"
    "--generate makes one and prints it, alone, to standard output.\n";

static const char site_notes[] =
    "ORIGIN is where the site is, such as https://git.example.org or https://example.org/wiki/; a site has up to 8.\n"
    "Each --require is a row of its rules; --rules reads them all from FILE, - for standard input: mayfly-rules(5).\n";

/* clang-format off */
static const struct ctl_command commands[] = {
    {"user", "add", "NAME [--email ADDRESS] [--name TEXT] [--groups A,B] [--generate]", "make an account",
     .run = user_add, .least = 1, .most = 1, .takes = TAKES(EMAIL) | TAKES(NAME) | TAKES(GROUPS) | TAKES(GENERATE),
     .notes = "NAME may be an e-mail address; the account has no username then.\n"},
    {"user", "list", "[--after NAME] [--json]", "list the accounts, oldest first",
     .run = user_list, .takes = TAKES(AFTER) | TAKES(JSON),
     .notes = "--after NAME lists only those that were made after this one.\n"},
    {"user", "passwd", "NAME [--generate]", "set a new password and end all sessions",
     .run = user_passwd, .least = 1, .most = 1, .takes = TAKES(GENERATE)},
    {"user", "disable", "NAME", "refuse log-ins and end all sessions", .run = user_disable, .least = 1, .most = 1},
    {"user", "delete", "NAME", "close the account and remove all it owns", .run = user_delete, .least = 1, .most = 1,
     .notes = "Its name and address are free and its sessions and links end at once. Its files are removed by workers that have\n"
              "nothing to do, and by mayflyctl sweep, a bounded number at a time.\n"},
    {"user", "enable", "NAME", "accept log-ins again", .run = user_enable, .least = 1, .most = 1},
    {"user", "groups", "NAME A,B,C", "set the groups; '' for none", .run = user_groups, .least = 2, .most = 2,
     .notes = "A group's name is 1 to 64 of the characters A-Z a-z 0-9 . _ : - and an account has at most 64.\n"},
    {"session", "list", "NAME [--json]", "list the sessions of an account",
     .run = session_show, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"session", "end", "ID | --user NAME", "end one session, or all of an account",
     .run = session_stop, .most = 1, .takes = TAKES(USER)},
    {"config", "show", "", "print every setting with its help", .run = config_show, .need = NEED_CONFIG},
    {"config", "check", "", "check the configuration", .run = config_check},
    {"routes", NULL, "", "print what is served, and to whom", .run = system_routes, .need = NEED_NO_CONFIG},
    {"sweep", NULL, "", "remove what has had its time; run it hourly", .run = system_sweep, .walks = true},
    {"fsck", NULL, "[--repair] [--deep] [--json]", "compare the rows of files with the bytes that are stored",
     .run = files_fsck, .walks = true, .takes = TAKES(REPAIR) | TAKES(DEEP) | TAKES(JSON), .failure = EXIT_USAGE,
     .notes = "--repair removes what belongs to nobody and counts anew what is counted wrong; it never touches a file.\n"
              "--deep reads every byte and compares SHA-256. --json prints one finding a line.\n"
              "Exit status: 0 nothing is wrong any more, 1 something is, 2 it could not be found out.\n"},
    {"files", "list", "NAME [--json]", "list the files of an account, newest first",
     .run = files_list, .walks = true, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"files", "show", "ID [--json]", "show what is known of a file", .run = files_show, .least = 1, .most = 1,
     .takes = TAKES(JSON)},
    {"files", "move", "[ID] --to BACKEND [--account NAME]", "move files to postgres or s3 while workers serve",
     .run = files_move, .walks = true, .most = 1, .takes = TAKES(TO) | TAKES(ACCOUNT),
     .notes = "All files, those of one account, or one. What is copied is read again and compared by SHA-256 before the row\n"
              "changes. When it is stopped, run it again: it goes on with the file that it was at.\n"},
    {"deploy", NULL, "", "restart this host's pools, one after the other", .run = system_deploy, .need = NEED_NO_CONFIG,
     .notes = "Each pool must answer again before the next one is restarted, so no request fails; the first that does not\n"
              "come back ends it, and the others run on as they were, until their workers are replaced (worker_max_age_s).\n"
              "As root.\n"},
    {"prove", NULL, "[ARGUMENT ...]", "deprecated: runs mayfly-prove with these arguments",
     .run = system_prove, .need = NEED_NO_CONFIG, .reads_options = true, .failure = EXIT_USAGE},
    {"top", NULL, "[--once]", "watch the cluster", .run = system_top, .takes = TAKES(ONCE),
     .notes = "It shows what is true of the cluster, and who is busy with what as workers tell it to the setting `statsd`,\n"
              "whose collector it is while it runs. Control-C ends it; --once prints one look, after two seconds.\n"},
    {"secret", "list", "", "list the keys of the installation's secret, and who has them", .run = secret_list},
    {"secret", "add", "", "add a key that verifies", .run = secret_add,
     .notes = "It prints the key's name. The first of four steps that nobody notices: add, deploy on every host, promote, deploy again.\n"},
    {"secret", "promote", "KEY [--now]", "sign with another key", .run = secret_promote, .least = 1, .most = 1, .takes = TAKES(NOW),
     .notes = "It is refused while a worker that is connected to the database has not got the key; --now does not ask.\n"},
    {"secret", "remove", "KEY [--now]", "end what an old key has signed", .run = secret_remove, .least = 1, .most = 1,
     .takes = TAKES(NOW),
     .notes = "It is refused while something is good that the key has signed; --now loses that, as when the key has leaked.\n"},
    {"site", "add", "NAME ORIGIN ... --require RULE ... | --rules FILE [--title TEXT] [--order N]", "put a site behind the gate",
     .run = site_make, .least = 2, .most = 1 + SITE_ORIGINS_MAX,
     .takes = TAKES(REQUIRE) | TAKES(RULES) | TAKES(TITLE) | TAKES(ORDER), .notes = site_notes},
    {"site", "list", "[--json]", "list the sites", .run = site_print_all, .takes = TAKES(JSON),
     .notes = "Exit status: 1 when the rules of a site were damaged, so that nobody passes there.\n"},
    {"site", "show", "NAME [--json]", "show a site and its rules", .run = site_print, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"site", "edit", "NAME [ORIGIN ...] [--require RULE ... | --rules FILE] [--title TEXT] [--order N]", "change a site",
     .run = site_change, .least = 1, .most = 1 + SITE_ORIGINS_MAX,
     .takes = TAKES(REQUIRE) | TAKES(RULES) | TAKES(TITLE) | TAKES(ORDER), .notes = site_notes},
    {"site", "remove", "NAME", "take a site away, so that nobody passes there", .run = site_drop, .least = 1, .most = 1},
    {"site", "try", "URL [--user NAME] [--factors N] [--method METHOD] [--address ADDRESS]", "judge a request by the rules",
     .run = site_try, .least = 1, .most = 1, .failure = EXIT_USAGE,
     .takes = TAKES(USER) | TAKES(FACTORS) | TAKES(METHOD) | TAKES(ADDRESS),
     .notes = "A GET of somebody who is not logged in, or of NAME, who has just proved N factors, 1 if nothing else is said.\n"
              "Exit status: 0 it passes, 1 it does not, 2 it could not be found out.\n"},
    {"schema", "status", "", "compare the database with this build", .run = schema_status, .failure = EXIT_USAGE,
     .notes = "Exit status: 0 it has what this build needs, 1 it is too old, 2 it could not be found out.\n"},
};
/* clang-format on */

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0], NAME_BYTES = 32 };

static const struct option options[] = {
    [OPTION_ACCOUNT] = {"account", required_argument, NULL, OPTION_ACCOUNT},
    [OPTION_ADDRESS] = {"address", required_argument, NULL, OPTION_ADDRESS},
    [OPTION_AFTER] = {"after", required_argument, NULL, OPTION_AFTER},
    [OPTION_DEEP] = {"deep", no_argument, NULL, OPTION_DEEP},
    [OPTION_EMAIL] = {"email", required_argument, NULL, OPTION_EMAIL},
    [OPTION_FACTORS] = {"factors", required_argument, NULL, OPTION_FACTORS},
    [OPTION_GENERATE] = {"generate", no_argument, NULL, OPTION_GENERATE},
    [OPTION_GROUPS] = {"groups", required_argument, NULL, OPTION_GROUPS},
    [OPTION_JSON] = {"json", no_argument, NULL, OPTION_JSON},
    [OPTION_METHOD] = {"method", required_argument, NULL, OPTION_METHOD},
    [OPTION_NAME] = {"name", required_argument, NULL, OPTION_NAME},
    [OPTION_NOW] = {"now", no_argument, NULL, OPTION_NOW},
    [OPTION_ONCE] = {"once", no_argument, NULL, OPTION_ONCE},
    [OPTION_ORDER] = {"order", required_argument, NULL, OPTION_ORDER},
    [OPTION_REPAIR] = {"repair", no_argument, NULL, OPTION_REPAIR},
    [OPTION_REQUIRE] = {"require", required_argument, NULL, OPTION_REQUIRE},
    [OPTION_RULES] = {"rules", required_argument, NULL, OPTION_RULES},
    [OPTION_TITLE] = {"title", required_argument, NULL, OPTION_TITLE},
    [OPTION_TO] = {"to", required_argument, NULL, OPTION_TO},
    [OPTION_USER] = {"user", required_argument, NULL, OPTION_USER},
    [OPTION_COUNT] = {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const char *command_name(const struct ctl_command *command, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%s%s%s", command->family, command->verb != NULL ? " " : "",
             command->verb != NULL ? command->verb : "");
    return name;
}

static void print_commands(const char *family, FILE *out)
{
    char name[NAME_BYTES];

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (family == NULL || strcmp(family, commands[i].family) == 0)
            fprintf(out, "  %-14s %s\n", command_name(&commands[i], name), commands[i].help);
}

static void print_help(void)
{
    puts("usage: mayflyctl [-c FILE] COMMAND ...\n"
         "\n"
         "Looks after a mayfly installation.\n"
         "\n"
         "  -c, --config FILE  settings; default $MAYFLY_CONFIG or " DEFAULT_CONFIG "\n"
         "  -V, --version      print the version and exit\n"
         "  -h, --help         print this, or after a command how it is used, and exit\n");
    print_commands(NULL, stdout);
    puts("\n"
         "Results go to standard output, what happened to standard error.\n"
         "Exit status: 0 done, 1 not done, 2 not understood.");
}

static void print_usage(const struct ctl_command *command, FILE *out)
{
    char name[NAME_BYTES];

    fprintf(out, "usage: mayflyctl [-c FILE] %s%s%s\n", command_name(command, name),
            command->arguments[0] != '\0' ? " " : "", command->arguments);
}

static void print_command_help(const struct ctl_command *command)
{
    print_usage(command, stdout);
    printf("\n%c%s.\n", toupper((unsigned char)command->help[0]), command->help + 1);
    if (command->notes != NULL)
        fputs(command->notes, stdout);
    if ((command->takes & TAKES(GENERATE)) != 0)
        fputs(password_notes, stdout);
}

/* Finds the command that words begin with. used is how many of them are its name. */
static const struct ctl_command *find_command(char **words, int count, int *used)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct ctl_command *command = &commands[i];

        *used = command->verb != NULL ? 2 : 1;
        if (count >= *used && strcmp(words[0], command->family) == 0 &&
            (command->verb == NULL || strcmp(words[1], command->verb) == 0))
            return command;
    }
    return NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* No command begins these words, but a family may. Returns the exit status. */
static int explain_family(char **words, int count)
{
    bool asked = count > 1 && is_help(words[1]);

    if (count == 0) {
        fputs("mayflyctl: name a command; mayflyctl --help lists them\n", stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(words[0], commands[i].family) == 0) {
            if (!asked)
                fprintf(stderr, "mayflyctl %s: say what to do:\n", words[0]);
            print_commands(words[0], asked ? stdout : stderr);
            return asked ? EXIT_SUCCESS : EXIT_USAGE;
        }
    fprintf(stderr, "mayflyctl: %s: no such command; mayflyctl --help lists them\n", words[0]);
    return EXIT_USAGE;
}

/* Reads options up to the end, or up to the first word when letters begins with "+"; asked notes -h and -V. */
static bool read_options(struct ctl *ctl, int argc, char **argv, const char *letters, int *asked, struct err *err)
{
    int letter;

    optind = 0;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, letters, options, NULL)) != -1)
        switch (letter) {
        case 'c':
            ctl->config_path = optarg;
            break;
        case 'h':
        case 'V':
            *asked = letter;
            break;
        case '?':
            if (optopt > ' ')
                return ctl_usage(err, "-%c: no such option", optopt);
            return ctl_usage(err, "%s: no such option, or it takes no value", argv[optind - 1]);
        case ':':
            return ctl_usage(err, "%s: needs a value", argv[optind - 1]);
        case OPTION_REQUIRE:
            if (ctl->required_count == CTL_REQUIRED_MAX)
                return ctl_usage(err, "--require: at most %d times; --rules reads a file", CTL_REQUIRED_MAX);
            ctl->required[ctl->required_count++] = optarg;
            /* fall through */
        default:
            ctl->options[letter] = optarg != NULL ? optarg : "";
            break;
        }
    return true;
}

static bool check_options(const struct ctl *ctl, const struct ctl_command *command, struct err *err)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (ctl->options[i] != NULL && (command->takes & 1u << i) == 0)
            return ctl_usage(err, "--%s is not for this command", options[i].name);
    return true;
}

static bool take_arguments(struct ctl *ctl, const struct ctl_command *command, char **words, int count, struct err *err)
{
    if (count < command->least)
        return ctl_usage(err, "something is missing");
    if (count > command->most)
        return ctl_usage(err, "%s: one too many", words[command->most]);
    for (int i = 0; i < count; i++)
        ctl->arguments[i] = words[i];
    return check_options(ctl, command, err);
}

/* What is not UTF-8 would be refused by the database, with a message that helps nobody. */
static bool check_encoding(int argc, char **argv, struct err *err)
{
    for (int i = 1; i < argc; i++)
        if (utf8_check(argv[i], strlen(argv[i])) != strlen(argv[i]))
            return ctl_usage(err, "argument %d is not UTF-8", i);
    return true;
}

/* What to do about it, where the error's own words can't know. */
static void advise(const struct ctl *ctl, const struct ctl_command *command, const struct err *err)
{
    if (strcmp(err->field, CTL_USAGE) == 0 && command == NULL)
        fputs("Try mayflyctl --help.\n", stderr);
    else if (strcmp(err->field, CTL_USAGE) == 0)
        print_usage(command, stderr);
    else if (err->kind == ERR_DOWN && command != NULL && command->need == NEED_SERVICES)
        fprintf(stderr, "Look at `database` in %s (or s3_endpoint) and whether it is up, then run this again.\n",
                ctl->config_path);
    else if (err->kind == ERR_BUG)
        fputs("Look whether the database fits this build: mayflyctl schema status\n", stderr);
}

/* Returns the exit status. command is NULL while it is not known. */
static int complain(const struct ctl *ctl, const struct ctl_command *command, const struct err *err)
{
    char name[NAME_BYTES] = "";
    int length = (int)strlen(err->detail);

    /* libpq ends its messages with a new line. */
    while (length > 0 && err->detail[length - 1] == '\n')
        length--;
    fprintf(stderr, "mayflyctl%s%s: %.*s\n", command != NULL ? " " : "",
            command != NULL ? command_name(command, name) : "", length, err->detail);
    advise(ctl, command, err);
    if (strcmp(err->field, CTL_USAGE) == 0)
        return EXIT_USAGE;
    if (ctl->failure_status != 0)
        return ctl->failure_status;
    return command != NULL && command->failure != 0 ? command->failure : EXIT_FAILURE;
}

/* What -h or -V asked for, before a command (NULL) or after. */
static int answer(int asked, const struct ctl_command *command)
{
    if (asked == 'V')
        puts("mayflyctl " VERSION);
    else if (command == NULL)
        print_help();
    else
        print_command_help(command);
    return EXIT_SUCCESS;
}

/* Finds the command, its options and its arguments; otherwise the exit status, after help or a complaint. */
static int parse(struct ctl *ctl, int argc, char **argv, const struct ctl_command **commandp)
{
    struct err err = {.kind = ERR_NONE};
    const struct ctl_command *command;
    int used, asked = 0;

    if (!check_encoding(argc, argv, &err) || !read_options(ctl, argc, argv, "+:c:hV", &asked, &err))
        return complain(ctl, NULL, &err);
    if (asked != 0)
        return answer(asked, NULL);
    argc -= optind;
    argv += optind;
    *commandp = command = find_command(argv, argc, &used);
    if (command == NULL)
        return explain_family(argv, argc);
    /* The last word of its name stands where getopt expects the program's. */
    argc -= used - 1;
    argv += used - 1;
    if (command->reads_options) {
        ctl->words = argv;
        return GO_ON;
    }
    if (!read_options(ctl, argc, argv, ":c:hV", &asked, &err))
        return complain(ctl, command, &err);
    if (asked != 0)
        return answer(asked, command);
    if (!take_arguments(ctl, command, argv + optind, argc - optind, &err))
        return complain(ctl, command, &err);
    return GO_ON;
}

static bool open_needs(struct ctl *ctl, const struct ctl_command *command, struct err *err)
{
    struct services *services = &ctl->services;

    arena_init(&ctl->arena, ARENA_MAX_BYTES);
    switch (command->need) {
    case NEED_NO_CONFIG:
        return true;
    case NEED_CONFIG:
        return config_load(&services->config, ctl->config_path, err);
    case NEED_SERVICES:
        break;
    }
    if (!services_open(services, ctl->config_path, "ctl", err))
        return false;
    /* Whoever runs this is told in words; the log's lines would only say it twice. */
    services->log.level = LOG_ERROR;
    if (command->walks)
        db_limit(services->sessions.db, (struct db_limits){.statement_ms = services->config.operator_timeout_ms,
                                                           .lock_ms = services->config.database_timeout_ms});
    return true;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.config_path = default_config_path()};
    struct err err = {.kind = ERR_NONE};
    const struct ctl_command *command = NULL;
    int status = parse(&ctl, argc, argv, &command);
    bool done;

    if (status != GO_ON)
        return status;
    done = open_needs(&ctl, command, &err) && command->run(&ctl, &err);
    if (fflush(stdout) != 0 || ferror(stdout))
        done = err_set(&err, ERR_INPUT, "standard output: %s", strerror(errno));
    status = done ? ctl.status : complain(&ctl, command, &err);
    arena_free(&ctl.arena);
    services_close(&ctl.services);
    return status;
}
