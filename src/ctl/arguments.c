#include "ctl/arguments.h"

#include "base/closest.h"
#include "base/utf8.h"
#include "ctl/help.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* The tables of options: those of commands, three for mayflyctl itself, and the end. */
    GENERAL_OPTIONS = 3,
    OPTION_TABLE = OPTION_COUNT + GENERAL_OPTIONS + 1,
};

static const struct option general_options[GENERAL_OPTIONS + 1] = {
    {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}};

static void fill_options(struct option table[OPTION_TABLE])
{
    for (int i = 0; i < OPTION_COUNT; i++)
        table[i] = (struct option){ctl_options[i].name, ctl_options[i].value != NULL ? required_argument : no_argument,
                                   NULL, i};
    memcpy(&table[OPTION_COUNT], general_options, sizeof general_options);
}

/* Finds the command that words begin with. used is how many of them are its name. */
static const struct ctl_command *find_command(char **words, int count, int *used)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct ctl_command *command = &ctl_commands[i];

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

static bool is_family(const char *word)
{
    for (size_t i = 0; i < ctl_command_count; i++)
        if (strcmp(word, ctl_commands[i].family) == 0)
            return true;
    return false;
}

/* words begin with the name of a family, but with no command of it. Returns the exit status. */
static int explain_family(char **words, int count)
{
    struct closest verb;

    if (count > 1 && is_help(words[1])) {
        help_print_commands(words[0], stdout);
        return EXIT_SUCCESS;
    }
    closest_init(&verb, count > 1 ? words[1] : "");
    for (size_t i = 0; i < ctl_command_count; i++)
        if (strcmp(words[0], ctl_commands[i].family) == 0)
            closest_offer(&verb, ctl_commands[i].verb);
    if (count < 2)
        fprintf(stderr, "mayflyctl: %s is an incomplete command; name one of these:\n", words[0]);
    else if (verb.best != NULL)
        fprintf(stderr, "mayflyctl: %s %s: no such command; did you mean %s %s?\n", words[0], words[1], words[0],
                verb.best);
    else
        fprintf(stderr, "mayflyctl: %s %s: no such command; name one of these:\n", words[0], words[1]);
    if (verb.best == NULL)
        help_print_commands(words[0], stderr);
    return CTL_EXIT_USAGE;
}

/* No command begins these words. Returns the exit status. */
static int explain_words(char **words, int count)
{
    struct closest family;

    if (count == 0) {
        fputs("mayflyctl: name a command; mayflyctl --help lists them\n", stderr);
        return CTL_EXIT_USAGE;
    }
    if (is_family(words[0]))
        return explain_family(words, count);
    closest_init(&family, words[0]);
    for (size_t i = 0; i < ctl_command_count; i++)
        closest_offer(&family, ctl_commands[i].family);
    if (family.best != NULL)
        fprintf(stderr, "mayflyctl: %s: no such command; did you mean %s?\n", words[0], family.best);
    else
        fprintf(stderr, "mayflyctl: %s: no such command; mayflyctl --help lists them\n", words[0]);
    return CTL_EXIT_USAGE;
}

/* command is NULL for options that come before it. */
static bool refuse_option(const struct ctl_command *command, const char *word, struct err *err)
{
    char name[CLOSEST_WORD_BYTES];
    struct closest closest;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    closest_init(&closest, name);
    for (int i = 0; i < OPTION_COUNT && command != NULL; i++)
        if (command_takes(command, (int)i))
            closest_offer(&closest, ctl_options[i].name);
    for (int i = 0; i < GENERAL_OPTIONS; i++)
        closest_offer(&closest, general_options[i].name);
    if (closest.best == NULL)
        return ctl_usage(err, "%s: no such option, or it takes no value", word);
    if (strcmp(closest.best, name) == 0)
        return ctl_usage(err, "%s: --%s takes no value", word, name);
    return ctl_usage(err, "%s: no such option; did you mean --%s?", word, closest.best);
}

/* Reads options up to the end, or up to the first word when letters begins with "+"; asked notes -h and -V. */
static bool read_options(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv, const char *letters,
                         int *asked, struct err *err)
{
    struct option table[OPTION_TABLE];
    int letter;

    fill_options(table);
    optind = 0;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, letters, table, NULL)) != -1)
        switch (letter) {
        case 'c':
            ctl->config_path = optarg;
            break;
        case 'h':
        case 'V':
            *asked = letter;
            break;
        case '?':
            if (optopt > ' ' && strncmp(argv[optind - 1], "--", 2) != 0)
                return ctl_usage(err, "-%c: no such option", optopt);
            return refuse_option(command, argv[optind - 1], err);
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
        if (ctl->options[i] != NULL && !command_takes(command, (int)i))
            return ctl_usage(err, "--%s is not for this command", ctl_options[i].name);
    return true;
}

static bool take_arguments(struct ctl *ctl, const struct ctl_command *command, char **words, int count, struct err *err)
{
    if (count < command->least)
        return ctl_usage(err, "an argument is missing");
    if (count > command->most)
        return ctl_usage(err, "%s: one argument too many", words[command->most]);
    for (int i = 0; i < count; i++)
        ctl->arguments[i] = words[i];
    return check_options(ctl, command, err);
}

/* The database would refuse what is not UTF-8, with a message that does not name the argument. */
static bool check_encoding(int argc, char **argv, struct err *err)
{
    for (int i = 1; i < argc; i++)
        if (utf8_check(argv[i], strlen(argv[i])) != strlen(argv[i]))
            return ctl_usage(err, "argument %d is not UTF-8", i);
    return true;
}

/* What -h or -V asked for, before a command (NULL) or after. */
static int answer(int asked, const struct ctl_command *command)
{
    if (asked == 'V')
        puts("mayflyctl " VERSION);
    else if (command == NULL)
        help_print();
    else
        help_print_command(command);
    return EXIT_SUCCESS;
}

int arguments_read(struct ctl *ctl, int argc, char **argv, const struct ctl_command **commandp)
{
    struct err err = {.kind = ERR_NONE};
    const struct ctl_command *command;
    int used, asked = 0;

    if (!check_encoding(argc, argv, &err) || !read_options(ctl, NULL, argc, argv, "+:c:hV", &asked, &err))
        return help_complain(ctl, NULL, &err);
    if (asked != 0)
        return answer(asked, NULL);
    argc -= optind;
    argv += optind;
    *commandp = command = find_command(argv, argc, &used);
    if (command == NULL)
        return explain_words(argv, argc);
    /* The last word of its name stands where getopt expects the program's. */
    argc -= used - 1;
    argv += used - 1;
    if (command->reads_options) {
        ctl->words = argv;
        return ARGUMENTS_READ;
    }
    if (!read_options(ctl, command, argc, argv, ":c:hV", &asked, &err))
        return help_complain(ctl, command, &err);
    if (asked != 0)
        return answer(asked, command);
    if (!take_arguments(ctl, command, argv + optind, argc - optind, &err))
        return help_complain(ctl, command, &err);
    return ARGUMENTS_READ;
}
