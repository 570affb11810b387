/* Reads the words of the command line. */
#ifndef MAYFLY_CTL_ARGUMENTS_H
#define MAYFLY_CTL_ARGUMENTS_H

#include "ctl/command.h"

/* arguments_read returns this when the command is to be run; an exit status otherwise. */
enum { ARGUMENTS_READ = -1 };

/* Finds the command, its options and its arguments. Prints help that was asked for, or what is wrong. */
int arguments_read(struct ctl *, int argc, char **argv, const struct ctl_command **);

#endif
