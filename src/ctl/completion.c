/*
 * mayflyctl completion: scripts for shells, made from the tables of commands and options. A script collects the
 * command's name from the words before the cursor, leaving out options and their values, and offers what may follow.
 * Names of accounts, ids and keys are not offered, since they would have to be asked of the database.
 */
#include "ctl/command.h"

#include <stdio.h>
#include <string.h>

static const char general_words[] = "-c --config -h --help -V --version";

/*
 * The names of options that take a value, as alternatives of a shell's `case`; with_choices: those whose values are
 * known.
 */
static void print_valued(bool with_choices, bool without)
{
    const char *between = "";

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        bool has_choices = ctl_options[i].choices != NULL;

        if (ctl_options[i].value == NULL || !(has_choices ? with_choices : without))
            continue;
        printf("%s--%s", between, ctl_options[i].name);
        between = " | ";
    }
}

/* --- bash */

static const char bash_begin[] =
    "# bash completion for mayflyctl, made by: mayflyctl completion bash\n"
    "_mayflyctl()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} name='' words='' i\n"
    "\n"
    "    COMPREPLY=()\n"
    "    # bash splits --option=value at the sign.\n"
    "    if [[ $word == '=' ]]; then\n"
    "        word=''\n"
    "    elif [[ $before == '=' ]]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        -c | --config | ";

static const char bash_after_valued[] = ")\n"
                                        "            [[ ${COMP_WORDS[i + 1]} != '=' ]] || ((i++))\n"
                                        "            ((i++))\n"
                                        "            ;;\n"
                                        "        -* | =) ;;\n"
                                        "        *) name+=\" ${COMP_WORDS[i]}\" ;;\n"
                                        "        esac\n"
                                        "    done\n"
                                        "    case $before in\n"
                                        "    -c | --config)\n"
                                        "        compopt -o filenames\n"
                                        "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                                        "        return\n"
                                        "        ;;\n";

static const char bash_end[] = "        esac\n"
                               "        ;;\n"
                               "    esac\n"
                               "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                               "}\n"
                               "complete -F _mayflyctl mayflyctl\n";

static void print_bash_family(const struct ctl_command *family)
{
    printf("        ' %s') words='", family->family);
    for (size_t i = 0; i < ctl_command_count; i++)
        if (strcmp(ctl_commands[i].family, family->family) == 0)
            printf("%s ", ctl_commands[i].verb);
    puts("-h --help' ;;");
}

static void print_bash_command(const struct ctl_command *command)
{
    char name[COMMAND_NAME_BYTES];

    command_name(command, name);
    if (command->choices != NULL)
        printf("        ' %s') words='%s -h --help' ;;\n        ' %s '*) words='", name, command->choices, name);
    else
        printf("        ' %s' | ' %s '*) words='", name, name);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (command_takes(command, (int)i))
            printf("--%s ", ctl_options[i].name);
    puts("-h --help' ;;");
}

static void print_bash(void)
{
    fputs(bash_begin, stdout);
    print_valued(true, true);
    fputs(bash_after_valued, stdout);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (ctl_options[i].choices != NULL)
            printf("    --%s) words='%s' ;;\n", ctl_options[i].name, ctl_options[i].choices);
    fputs("    ", stdout);
    print_valued(false, true);
    fputs(") return ;;\n"
          "    *)\n"
          "        case $name in\n"
          "        '') words='",
          stdout);
    for (size_t i = 0; i < ctl_command_count; i++)
        if (command_begins_family(&ctl_commands[i]))
            printf("%s ", ctl_commands[i].family);
    printf("%s' ;;\n", general_words);
    for (size_t i = 0; i < ctl_command_count; i++) {
        if (command_begins_family(&ctl_commands[i]) && ctl_commands[i].verb != NULL)
            print_bash_family(&ctl_commands[i]);
        print_bash_command(&ctl_commands[i]);
    }
    fputs(bash_end, stdout);
}

/* --- zsh */

static const char zsh_begin[] = "#compdef mayflyctl\n"
                                "# Made by: mayflyctl completion zsh\n"
                                "_mayflyctl()\n"
                                "{\n"
                                "    local -a offers options\n"
                                "    local name='' i\n"
                                "\n"
                                "    for ((i = 2; i < CURRENT; i++)); do\n"
                                "        case ${words[i]} in\n"
                                "        -c | --config | ";

static const char zsh_after_valued[] = ") ((i++)) ;;\n"
                                       "        -*) ;;\n"
                                       "        *) name+=\" ${words[i]}\" ;;\n"
                                       "        esac\n"
                                       "    done\n"
                                       "    case ${words[CURRENT]} in\n"
                                       "    --config=*) compset -P '*='; _files; return ;;\n";

static const char zsh_before[] = "    esac\n"
                                 "    case ${words[CURRENT - 1]} in\n"
                                 "    -c | --config) _files; return ;;\n";

static const char zsh_end[] =
    "    esac\n"
    "    ((${#offers} == 0)) || _describe -t commands command offers\n"
    "    _describe -o -t options option options\n"
    "}\n"
    "# A file of fpath is the function's body when it is loaded; otherwise this was read by eval.\n"
    "if [[ ${funcstack[1]-} == _mayflyctl ]]; then\n"
    "    _mayflyctl \"$@\"\n"
    "else\n"
    "    compdef _mayflyctl mayflyctl\n"
    "fi\n";

static const char zsh_help_option[] = "'-h:print how it is used' '--help:print how it is used'";

/* 'word:description', quoted for the shell. */
static void print_described(const char *prefix, const char *word, const char *text)
{
    printf("'%s%s:", prefix, word);
    for (; *text != '\0'; text++)
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    fputs("' ", stdout);
}

static void print_zsh_family(const struct ctl_command *family)
{
    printf("    ' %s')\n        offers=(", family->family);
    for (size_t i = 0; i < ctl_command_count; i++)
        if (strcmp(ctl_commands[i].family, family->family) == 0)
            print_described("", ctl_commands[i].verb, ctl_commands[i].help);
    printf(")\n        options=(%s)\n        ;;\n", zsh_help_option);
}

static void print_zsh_command(const struct ctl_command *command)
{
    char name[COMMAND_NAME_BYTES];

    command_name(command, name);
    if (command->choices != NULL)
        printf("    ' %s') offers=(%s) options=(%s) ;;\n    ' %s '*)\n", name, command->choices, zsh_help_option, name);
    else
        printf("    ' %s' | ' %s '*)\n", name, name);
    fputs("        options=(", stdout);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (command_takes(command, (int)i))
            print_described("--", ctl_options[i].name, ctl_options[i].help);
    printf("%s)\n        ;;\n", zsh_help_option);
}

/* A family of several commands has no description of its own: it is described by their names. */
static void print_zsh_first(const struct ctl_command *command)
{
    const char *between = "";

    if (command->verb == NULL) {
        print_described("", command->family, command->help);
        return;
    }
    printf("'%s:", command->family);
    for (size_t i = 0; i < ctl_command_count; i++)
        if (strcmp(ctl_commands[i].family, command->family) == 0) {
            printf("%s%s", between, ctl_commands[i].verb);
            between = ", ";
        }
    fputs("' ", stdout);
}

static void print_zsh(void)
{
    fputs(zsh_begin, stdout);
    print_valued(true, true);
    fputs(zsh_after_valued, stdout);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (ctl_options[i].choices != NULL)
            printf("    --%s=*) compset -P '*='; compadd -- %s; return ;;\n", ctl_options[i].name,
                   ctl_options[i].choices);
    fputs(zsh_before, stdout);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (ctl_options[i].choices != NULL)
            printf("    --%s) compadd -- %s; return ;;\n", ctl_options[i].name, ctl_options[i].choices);
        else if (ctl_options[i].value != NULL)
            printf("    --%s) _message '%s'; return ;;\n", ctl_options[i].name, ctl_options[i].value);
    fputs("    esac\n"
          "    case $name in\n"
          "    '')\n"
          "        offers=(",
          stdout);
    for (size_t i = 0; i < ctl_command_count; i++)
        if (command_begins_family(&ctl_commands[i]))
            print_zsh_first(&ctl_commands[i]);
    printf(")\n"
           "        options=('-c:read settings from a file' '--config:read settings from a file' %s\n"
           "            '-V:print the version' '--version:print the version')\n"
           "        ;;\n",
           zsh_help_option);
    for (size_t i = 0; i < ctl_command_count; i++) {
        if (command_begins_family(&ctl_commands[i]) && ctl_commands[i].verb != NULL)
            print_zsh_family(&ctl_commands[i]);
        print_zsh_command(&ctl_commands[i]);
    }
    fputs(zsh_end, stdout);
}

bool completion_print(struct ctl *ctl, struct err *err)
{
    const char *shell = ctl->arguments[0];

    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else
        return ctl_usage(err, "%.60s: no script for this shell; there are bash and zsh", shell);
    return true;
}
