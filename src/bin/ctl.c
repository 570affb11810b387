/* mayflyctl: the administrator's tool. One row per command says how it is called, what it needs and what runs it. */
#include "bin/ctl.h"

#include "base/utf8.h"
#include "bin/paths.h"
#include "bin/services.h"
#include "store/session_cache.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, GO_ON = -1 };

enum ctl_need { NEED_NO_CONFIG, NEED_CONFIG, NEED_SERVICES };

struct ctl_command {
    const char *family;
    const char *verb; /* NULL: the family's name is the command */
    const char *arguments;
    const char *help;
    const char *notes; /* further lines of its own --help, or NULL */
    bool (*run)(struct ctl *, struct err *);
    enum ctl_need need;
    int least, most; /* arguments */
    unsigned takes;  /* options */
};

#define TAKES(option) (1u << OPTION_##option)

static const char password_notes[] =
    "The password is asked for twice at a terminal, or read as one line from standard input.\n"
    "--generate makes one and prints it, alone, to standard output.\n";

static const struct ctl_command commands[] = {
    {"user", "add", "NAME [--email ADDRESS] [--name TEXT] [--groups A,B] [--generate]", "make an account",
     "NAME may be an e-mail address; the account has no username then.\n", user_add, NEED_SERVICES, 1, 1,
     TAKES(EMAIL) | TAKES(NAME) | TAKES(GROUPS) | TAKES(GENERATE)},
    {"user", "list", "[--after NAME] [--json]", "list the accounts, oldest first",
     "--after NAME lists only those that were made after this one.\n", user_list, NEED_SERVICES, 0, 0,
     TAKES(AFTER) | TAKES(JSON)},
    {"user", "passwd", "NAME [--generate]", "set a new password and end all sessions", NULL, user_passwd, NEED_SERVICES,
     1, 1, TAKES(GENERATE)},
    {"user", "disable", "NAME", "refuse log-ins and end all sessions", NULL, user_disable, NEED_SERVICES, 1, 1, 0},
    {"user", "enable", "NAME", "accept log-ins again", NULL, user_enable, NEED_SERVICES, 1, 1, 0},
    {"user", "groups", "NAME A,B,C", "set the groups; '' for none",
     "A group's name is 1 to 64 of the characters A-Z a-z 0-9 . _ : - and an account has at most 64.\n", user_groups,
     NEED_SERVICES, 2, 2, 0},
    {"session", "list", "NAME [--json]", "list the sessions of an account", NULL, session_show, NEED_SERVICES, 1, 1,
     TAKES(JSON)},
    {"session", "end", "ID | --user NAME", "end one session, or all of an account", NULL, session_stop, NEED_SERVICES,
     0, 1, TAKES(USER)},
    {"config", "show", "", "print every setting with its help", NULL, config_show, NEED_CONFIG, 0, 0, 0},
    {"config", "check", "", "check the configuration", NULL, config_check, NEED_SERVICES, 0, 0, 0},
    {"routes", NULL, "", "print what is served, and to whom", NULL, system_routes, NEED_NO_CONFIG, 0, 0, 0},
    {"sweep", NULL, "", "remove what has had its time; run it daily", NULL, system_sweep, NEED_SERVICES, 0, 0, 0},
    {"schema", "status", "", "compare the database with this build", NULL, schema_status, NEED_SERVICES, 0, 0, 0},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0], NAME_BYTES = 32 };

static const struct option options[] = {
    {"after", required_argument, NULL, OPTION_AFTER},
    {"email", required_argument, NULL, OPTION_EMAIL},
    {"generate", no_argument, NULL, OPTION_GENERATE},
    {"groups", required_argument, NULL, OPTION_GROUPS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"name", required_argument, NULL, OPTION_NAME},
    {"user", required_argument, NULL, OPTION_USER},
    {"config", required_argument, NULL, 'c'},
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
            fprintf(out, "  %-15s %-18s %s\n", command_name(&commands[i], name),
                    strlen(commands[i].arguments) > 18 ? "NAME ..." + (commands[i].least == 0 ? 5 : 0)
                                                       : commands[i].arguments,
                    commands[i].help);
}

static void print_help(void)
{
    puts("usage: mayflyctl [-c FILE] COMMAND ...\n"
         "\n"
         "Looks after a mayfly installation.\n"
         "\n"
         "  -c, --config FILE  settings; default $MAYFLY_CONFIG or " DEFAULT_CONFIG "\n"
         "  -V, --version      print the version and exit\n"
         "  -h, --help         print this, or how a command is used, and exit\n");
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
    printf("\n%s.\n", command->help);
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

static int complain_no_command(char **words, int count)
{
    if (count == 0) {
        fputs("mayflyctl: name a command; mayflyctl --help lists them\n", stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(words[0], commands[i].family) == 0) {
            fprintf(stderr, "mayflyctl: %s: say what to do:\n", words[0]);
            print_commands(words[0], stderr);
            return EXIT_USAGE;
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
            return ctl_usage(err, "%s: no such option", argv[optind - 1]);
        case ':':
            return ctl_usage(err, "%s: needs a value", argv[optind - 1]);
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

static int complain(const struct ctl_command *command, const struct err *err)
{
    char name[NAME_BYTES] = "";
    int length = (int)strlen(err->detail);

    while (length > 0 && err->detail[length - 1] == '\n')
        length--;
    fprintf(stderr, "mayflyctl%s%s: %.*s\n", command != NULL ? " " : "",
            command != NULL ? command_name(command, name) : "", length, err->detail);
    if (strcmp(err->field, CTL_USAGE) == 0) {
        if (command != NULL)
            print_usage(command, stderr);
        else
            fputs("Try mayflyctl --help.\n", stderr);
        return EXIT_USAGE;
    }
    if (err->kind == ERR_BUG)
        fputs("Look whether the database fits this build: mayflyctl schema status\n", stderr);
    return EXIT_FAILURE;
}

/* The command and its words; otherwise the exit status, after help or a complaint. */
static int parse(struct ctl *ctl, int argc, char **argv, const struct ctl_command **command)
{
    struct err err = {.kind = ERR_NONE};
    int used, words, asked = 0;

    *command = NULL;
    if (!check_encoding(argc, argv, &err) || !read_options(ctl, argc, argv, "+:c:hV", &asked, &err))
        return complain(NULL, &err);
    words = optind;
    if (asked == 0) {
        *command = find_command(argv + words, argc - words, &used);
        if (*command == NULL && (argc == words || strcmp(argv[argc - 1], "--help") != 0))
            return complain_no_command(argv + words, argc - words);
    }
    if (*command != NULL) {
        /* The last word of its name stands where getopt expects the program's. */
        words += used - 1;
        if (!read_options(ctl, argc - words, argv + words, ":c:hV", &asked, &err))
            return complain(*command, &err);
        words += optind;
    }
    if (asked == 'V')
        puts("mayflyctl " VERSION);
    else if (*command == NULL)
        print_help();
    else if (asked == 'h')
        print_command_help(*command);
    else
        return take_arguments(ctl, *command, argv + words, argc - words, &err) ? GO_ON : complain(*command, &err);
    return EXIT_SUCCESS;
}

static bool open_needs(struct ctl *ctl, enum ctl_need need, struct err *err)
{
    arena_init(&ctl->arena, ARENA_MAX_BYTES);
    switch (need) {
    case NEED_NO_CONFIG:
        return true;
    case NEED_CONFIG:
        return config_load(&ctl->services.config, ctl->config_path, err);
    case NEED_SERVICES:
        break;
    }
    if (!services_open(&ctl->services, ctl->config_path, "ctl", err))
        return false;
    /* Whoever runs this is told in words; the log's lines would only say it twice. */
    ctl->services.log.level = LOG_ERROR;
    return true;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.config_path = default_config_path()};
    struct err err = {.kind = ERR_NONE};
    const struct ctl_command *command;
    int status = parse(&ctl, argc, argv, &command);
    bool done;

    if (status != GO_ON)
        return status;
    done = open_needs(&ctl, command->need, &err) && command->run(&ctl, &err);
    if (fflush(stdout) != 0 || ferror(stdout))
        done = err_set(&err, ERR_DOWN, "standard output: %s", strerror(errno));
    status = done ? EXIT_SUCCESS : complain(command, &err);
    arena_free(&ctl.arena);
    services_close(&ctl.services);
    return status;
}

bool ctl_account(struct ctl *ctl, const char *login, struct operate_account *account, struct err *err)
{
    switch (operate_account_find(ctl->services.sessions.db, &ctl->arena, login, account, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_ABSENT, "%.200s: no such account; mayflyctl user list shows all", login);
    case DB_ROW:
        break;
    }
    return true;
}

bool ctl_apply(struct ctl_change *change, bool (*work)(struct db *, void *, struct err *), struct err *err)
{
    struct session_store *store = &change->ctl->services.sessions;
    bool done = db_transaction(store->db, work, change, err);

    /* Also after a failure: COMMIT may have worked without our knowing, and to forget too much costs one read. */
    if (!session_cache_forget(store->cache, &change->forgets))
        fprintf(
            stderr,
            "mayflyctl: warning: a cache node can't be told; what it holds may be accepted for up to %lld seconds\n",
            (long long)store->config->cache_fresh_s);
    return done;
}

bool ctl_found(enum db_rc rc, struct err *err)
{
    return rc == DB_ROW || (rc == DB_NONE && err_set(err, ERR_ABSENT, "the account was closed just now"));
}

bool ctl_lock_account(struct ctl_change *change, struct err *err)
{
    struct ctl *ctl = change->ctl;

    return ctl_found(operate_account_lock(ctl->services.sessions.db, &ctl->arena, &change->account, err), err);
}

bool ctl_end_sessions(struct ctl_change *change, struct err *err)
{
    const struct uuid none = {.bytes = {0}};
    struct ctl *ctl = change->ctl;

    return session_end_others(&ctl->services.sessions, &ctl->arena, &change->account, &none, &change->forgets, err);
}

void ctl_print_row(const struct ctl_column *columns, size_t count, const char *const *cells)
{
    for (size_t i = 0; i + 1 < count; i++) {
        int characters = (int)utf8_count(cells[i], strlen(cells[i]));

        printf("%s%*s", cells[i], characters < columns[i].width ? columns[i].width - characters + 1 : 1, "");
    }
    puts(cells[count - 1]);
}

void ctl_print_head(const struct ctl_column *columns, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++)
        printf("%-*s ", columns[i].width, columns[i].title);
    puts(columns[count - 1].title);
}
