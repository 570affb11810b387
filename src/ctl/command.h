/* The tables of commands and options. Reading of arguments, help and completions are made from them. */
#ifndef MAYFLY_CTL_COMMAND_H
#define MAYFLY_CTL_COMMAND_H

#include "ctl/ctl.h"

/* What is opened before a command runs. Most commands need everything. */
enum ctl_need { NEED_SERVICES, NEED_CONFIG, NEED_NO_CONFIG };

struct ctl_command {
    const char *family;
    const char *verb; /* NULL: the family's name is the command */
    const char *arguments;
    const char *help;
    bool (*run)(struct ctl *, struct err *);
    enum ctl_need need;
    int least, most;     /* number of arguments */
    uint64_t takes;      /* options */
    int failure;         /* exit status when it fails; 0: EXIT_FAILURE */
    const char *notes;   /* further lines of its own --help, or NULL */
    const char *choices; /* the values of its only argument, separated by spaces; NULL: any value */
    bool walks;          /* through whole tables: its statements may take operator_timeout_ms */
    bool reads_options;  /* itself, with its own --help: they are those of another program */
    bool stays_root;     /* the others become the workers' user when root runs them */
};

#define TAKES(option) (UINT64_C(1) << OPTION_##option)
_Static_assert(OPTION_COUNT <= 64, "takes has a bit for each");

static inline bool command_takes(const struct ctl_command *command, int option)
{
    return (command->takes >> option & 1) != 0;
}

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

struct ctl_option_row {
    const char *name;
    const char *value; /* what help calls its value; NULL: it takes none */
    const char *help;
    const char *choices; /* as of a command's argument */
};

extern const struct ctl_option_row ctl_options[OPTION_COUNT];

enum { COMMAND_NAME_BYTES = 32 };

/* "user add"; returns name. */
const char *command_name(const struct ctl_command *, char name[COMMAND_NAME_BYTES]);

/* Whether this is the first command of its family, whose commands stand together in the table. */
bool command_begins_family(const struct ctl_command *);

#endif
