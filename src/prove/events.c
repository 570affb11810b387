#include "prove/events.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

enum { COMMAND_BYTES_MAX = 64 * 1024 };

/* Behind the last hook; NULL: there are too many. */
static struct hook *add(struct prove_options *options, enum event_kind kind, const char *name, struct err *err)
{
    struct hook *hook;

    if (options->hook_count == PROVE_HOOKS_MAX) {
        err_set(err, ERR_INPUT, "there are %d events at most", PROVE_HOOKS_MAX);
        return NULL;
    }
    hook = &options->hooks[options->hook_count++];
    *hook = (struct hook){.kind = kind, .limit_s = HOOK_LIMIT_S, .restores = true};
    snprintf(hook->name, sizeof hook->name, "%s", name);
    return hook;
}

/* 'a text' for sh, whatever is in it. */
static bool add_quoted(struct buf *command, const char *text)
{
    bool ok = buf_add_string(command, "'");

    for (; ok && *text != '\0'; text++)
        ok = *text == '\'' ? buf_add_string(command, "'\\''") : buf_add(command, text, 1);
    return ok && buf_add_string(command, "'");
}

/* A command of sh in which each % stands for the quoted word. */
static bool add_command(struct prove_options *options, enum event_kind kind, const char *name, const char *text,
                        const char *word, struct err *err)
{
    struct hook *hook = add(options, kind, name, err);
    struct buf command;
    bool ok = true;

    if (hook == NULL)
        return false;
    buf_init(&command, &options->arena, COMMAND_BYTES_MAX);
    for (; ok && *text != '\0'; text++)
        ok = *text == '%' ? add_quoted(&command, word) : buf_add(&command, text, 1);
    hook->command = command.bytes;
    return ok || err_memory(err);
}

/* A master process and its workers: what replaces them is there already. */
static bool add_process(struct prove_options *options, const char *file, struct err *err)
{
    return add_command(options, EVENT_ROLLING, "reloaded", "kill -HUP \"$(cat %)\"", file, err) &&
           add_command(options, EVENT_OUTAGE, "workers killed", "pkill -KILL -P \"$(cat %)\"", file, err) &&
           add_command(options, EVENT_OUTAGE, "one worker killed", "kill -KILL \"$(pgrep -o -P \"$(cat %)\")\"", file,
                       err);
}

/* One unit after the other; with several units no request may fail. */
static bool add_units(struct prove_options *options, struct err *err)
{
    enum event_kind kind = options->unit_count > 1 ? EVENT_ROLLING : EVENT_OUTAGE;
    struct buf all, restart;
    struct hook *hook;
    bool ok = true;

    if (options->unit_count == 0)
        return true;
    buf_init(&all, &options->arena, COMMAND_BYTES_MAX);
    buf_init(&restart, &options->arena, COMMAND_BYTES_MAX);
    for (size_t i = 0; ok && i < options->unit_count; i++)
        ok = buf_add_string(&restart, i > 0 ? " && systemctl restart -- " : "systemctl restart -- ") &&
             add_quoted(&restart, options->units[i]) && buf_add_string(&all, " ") &&
             add_quoted(&all, options->units[i]);
    if (!ok)
        return err_memory(err);
    hook = add(options, kind, "units restarted one by one", err);
    if (hook == NULL)
        return false;
    hook->command = restart.bytes;
    hook = add(options, EVENT_OUTAGE, "units killed at once", err);
    if (hook == NULL)
        return false;
    /* A unit with Restart= may be starting by itself. */
    hook->command = arena_printf(
        &options->arena, "systemctl kill --signal=KILL --%s && sleep 1 && systemctl start --%s", all.bytes, all.bytes);
    if (hook->command == NULL)
        return err_memory(err);
    return add_command(options, EVENT_OUTAGE, "a unit stopped",
                       "systemctl stop -- % && sleep 2 && systemctl start -- %", options->units[0], err);
}

static bool add_deeds(struct prove_options *options, struct err *err)
{
    for (int deed = 0; deed < COPIES_DEEDS; deed++) {
        enum event_kind kind = deed == COPIES_REPLACE_EACH && options->copies > 1 ? EVENT_ROLLING : EVENT_OUTAGE;
        struct hook *hook = add(options, kind, copies_deed_word((enum copies_deed)deed), err);

        if (hook == NULL)
            return false;
        hook->deed = (enum copies_deed)deed;
    }
    return true;
}

bool events_add(struct prove_options *options, struct err *err)
{
    return (options->pid_file == NULL || add_process(options, options->pid_file, err)) && add_units(options, err) &&
           (options->command == NULL || add_deeds(options, err));
}
