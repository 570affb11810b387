/* What mayflyctl says of its commands: help, usage, and what to do about an error. */
#ifndef MAYFLY_CTL_HELP_H
#define MAYFLY_CTL_HELP_H

#include "ctl/command.h"

#include <stdio.h>

void help_print(void);
void help_print_command(const struct ctl_command *);

/* The commands of a family with their arguments; family NULL: all. */
void help_print_commands(const char *family, FILE *);

/* Prints an error and what to do about it to stderr; returns the exit status. command is NULL while it is not known. */
int help_complain(const struct ctl *, const struct ctl_command *, const struct err *);

#endif
