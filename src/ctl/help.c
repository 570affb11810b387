#include "ctl/help.h"

#include "app/paths.h"
#include "ctl/workers_user.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    /*
     * Where the descriptions of commands begin. A command with longer arguments has its description on the next line.
     */
    HELP_COLUMN = 37,
    OPTION_COLUMN = 22,
    LABEL_BYTES = 256,
};

static const char password_notes[] =
    "The password is asked for twice at a terminal, or read as one line from standard input.\n";

/* A label and its description, both indented. */
static void print_item(FILE *out, const char *label, int column, const char *text)
{
    fprintf(out, "  %s", label);
    if ((int)strlen(label) + 4 > column)
        fprintf(out, "\n%*s%s\n", column, "", text);
    else
        fprintf(out, "%*s%s\n", column - 2 - (int)strlen(label), "", text);
}

void help_print_commands(const char *family, FILE *out)
{
    char name[COMMAND_NAME_BYTES], label[LABEL_BYTES];

    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct ctl_command *command = &ctl_commands[i];

        if (family != NULL && strcmp(family, command->family) != 0)
            continue;
        snprintf(label, sizeof label, "%s%s%s", command_name(command, name), command->arguments[0] != '\0' ? " " : "",
                 command->arguments);
        print_item(out, label, HELP_COLUMN, command->help);
    }
}

void help_print(void)
{
    puts("usage: mayflyctl [-c FILE] COMMAND ...\n"
         "\n"
         "Looks after a mayfly installation.\n"
         "\n"
         "  -c, --config FILE  read settings from FILE; default $MAYFLY_CONFIG or " DEFAULT_CONFIG "\n"
         "  -V, --version      print the version and exit\n"
         "  -h, --help         print this, or after a command how it is used, and exit\n");
    help_print_commands(NULL, stdout);
    puts("\n"
         "Results go to standard output, messages to standard error.\n"
         "Exit status: 0 done, 1 not done, 2 the arguments are wrong.");
}

static void print_usage(const struct ctl_command *command, FILE *out)
{
    char name[COMMAND_NAME_BYTES];

    fprintf(out, "usage: mayflyctl [-c FILE] %s%s%s\n", command_name(command, name),
            command->arguments[0] != '\0' ? " " : "", command->arguments);
}

void help_print_command(const struct ctl_command *command)
{
    print_usage(command, stdout);
    printf("\n%c%s.\n", toupper((unsigned char)command->help[0]), command->help + 1);
    if (command->notes != NULL)
        fputs(command->notes, stdout);
    if ((command->takes & TAKES(GENERATE)) != 0)
        fputs(password_notes, stdout);
    if (command->takes != 0)
        puts("");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct ctl_option_row *option = &ctl_options[i];
        char label[LABEL_BYTES];

        if (!command_takes(command, (int)i))
            continue;
        snprintf(label, sizeof label, "--%s%s%s", option->name, option->value != NULL ? " " : "",
                 option->value != NULL ? option->value : "");
        print_item(stdout, label, OPTION_COLUMN, option->help);
    }
}

/* What to do about an error, when its detail can't say it. */
static void advise(const struct ctl *ctl, const struct ctl_command *command, const struct err *err)
{
    if (strcmp(err->field, CTL_USAGE) == 0 && command == NULL)
        fputs("Try mayflyctl --help.\n", stderr);
    else if (strcmp(err->field, CTL_USAGE) == 0)
        print_usage(command, stderr);
    else if (ctl->root == ROOT_BECAME_USER && strstr(err->detail, strerror(EACCES)) != NULL)
        fputs("When root runs it, this command becomes the user " WORKERS_USER ", who has to be able to read this.\n",
              stderr);
    else if (err->kind == ERR_DOWN && ctl->root == ROOT_WITHOUT_USER)
        fputs("There is no user " WORKERS_USER
              " to become. Run this as the user that the workers run as: runuser -u USER -- mayflyctl ...\n",
              stderr);
    else if (err->kind == ERR_DOWN && command != NULL && command->need == NEED_SERVICES)
        fprintf(stderr, "Check `database` in %s (or s3_endpoint) and that the service is up, then run this again.\n",
                ctl->config_path);
    else if (err->kind == ERR_BUG)
        fputs("Check that the database fits this build: mayflyctl schema status\n", stderr);
}

int help_complain(const struct ctl *ctl, const struct ctl_command *command, const struct err *err)
{
    char name[COMMAND_NAME_BYTES] = "";
    int length = (int)strlen(err->detail);

    /* libpq ends its messages with a new line. */
    while (length > 0 && err->detail[length - 1] == '\n')
        length--;
    fprintf(stderr, "mayflyctl%s%s: %.*s\n", command != NULL ? " " : "",
            command != NULL ? command_name(command, name) : "", length, err->detail);
    advise(ctl, command, err);
    if (strcmp(err->field, CTL_USAGE) == 0)
        return CTL_EXIT_USAGE;
    if (ctl->failure_status != 0)
        return ctl->failure_status;
    return command != NULL && command->failure != 0 ? command->failure : EXIT_FAILURE;
}
