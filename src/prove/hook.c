#include "prove/hook.h"

#include "base/decimal.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

enum { MEMORY_BYTES = 1024 * 1024 }; /* what a pipe holds, and what is kept of it */

static bool read_limit(const char *text, size_t length, int64_t *limit_s)
{
    const char *end = text;
    int64_t seconds;

    if (!decimal_take(&end, &seconds) || end != text + length)
        return false;
    *limit_s = seconds;
    return true;
}

bool hook_read(const char *text, struct hook *hook, struct err *err)
{
    const char *equals = strchr(text, '='), *colon;
    size_t length;

    *hook = (struct hook){.kind = EVENT_ROLLING, .limit_s = HOOK_LIMIT_S};
    if (equals == NULL || equals[1] == '\0')
        return err_set(err, ERR_INPUT, "--hook %.100s: say NAME=COMMAND", text);
    /* The part before a colon is the kind or the time limit; otherwise it belongs to the name. */
    while ((colon = memchr(text, ':', (size_t)(equals - text))) != NULL) {
        length = (size_t)(colon - text);
        if (length == strlen("rolling") && strncmp(text, "rolling", length) == 0)
            hook->kind = EVENT_ROLLING;
        else if (length == strlen("outage") && strncmp(text, "outage", length) == 0)
            hook->kind = EVENT_OUTAGE;
        else if (!read_limit(text, length, &hook->limit_s))
            break;
        text = colon + 1;
    }
    if (hook->limit_s < 1 || hook->limit_s > HOOK_LIMIT_MAX_S)
        return err_set(err, ERR_INPUT, "--hook: a time limit is 1 to %d seconds", HOOK_LIMIT_MAX_S);
    length = (size_t)(equals - text);
    if (length == 0 || length >= HOOK_NAME_BYTES)
        return err_set(err, ERR_INPUT, "--hook: a name has 1 to %d bytes", HOOK_NAME_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return err_set(err, ERR_INPUT, "--hook: a name has no control characters");
    memcpy(hook->name, text, length);
    hook->command = equals + 1;
    return true;
}

void hook_init(struct hook_run *running)
{
    *running = (struct hook_run){.state = HOOK_NONE};
    arena_init(&running->arena, MEMORY_BYTES);
}

bool hook_start(struct hook_run *running, const struct hook *hook, struct err *err)
{
    const char *const argv[] = {"/bin/sh", "-c", hook->command, NULL};
    const struct child child = {.kind = CHILD_COMMAND,
                                .program = argv[0],
                                .argv = argv,
                                .input = -1,
                                .output_max_bytes = HOOK_SAID_BYTES - 1,
                                .timeout_ms = hook->limit_s * 1000};

    arena_reset(&running->arena);
    running->limit_s = hook->limit_s;
    running->is_deed = hook->command == NULL;
    if (running->is_deed) {
        copies_begin(running->copies, hook->deed);
        running->state = HOOK_RUNNING;
        return true;
    }
    running->state = child_start(&child, &running->arena, &running->child, err) ? HOOK_RUNNING : HOOK_FAILED;
    return running->state == HOOK_RUNNING;
}

void hook_descriptors(const struct hook_run *running, int descriptors[CHILD_DESCRIPTORS])
{
    for (size_t i = 0; i < CHILD_DESCRIPTORS; i++)
        descriptors[i] = -1;
    if (running->state == HOOK_RUNNING && !running->is_deed)
        child_descriptors(running->child, descriptors);
}

void hook_free(struct hook_run *running)
{
    arena_free(&running->arena); /* and its children */
    running->state = HOOK_NONE;
}

/* Makes one line of the output. Cutting may have left a part of a character at the beginning. */
static void last_words(const struct child_result *result, char said[HOOK_SAID_BYTES])
{
    const char *from = result->output;
    size_t length = result->output_length;

    while (length > 0 && (unsigned char)from[length - 1] <= ' ')
        length--;
    while (length > 0 && (((unsigned char)*from & 0xC0) == 0x80 || *from == ' ')) {
        from++;
        length--;
    }
    snprintf(said, HOOK_SAID_BYTES, "%.*s", (int)length, from);
    for (char *at = said; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = ' ';
    if (*said == '\0' || utf8_check(said, strlen(said)) != strlen(said))
        snprintf(said, HOOK_SAID_BYTES, "it said nothing");
}

/* Returns whether the command succeeded; otherwise sets the reason. */
static bool was_done(const struct hook_run *running, const struct child_result *result,
                     char reason[TALLY_FINDING_BYTES])
{
    char said[HOOK_SAID_BYTES];

    last_words(result, said);
    switch (result->end) {
    case CHILD_EXITED:
        if (result->code == 0)
            return true;
        snprintf(reason, TALLY_FINDING_BYTES, "the command exits with %d: %s", result->code, said);
        break;
    case CHILD_SIGNALLED:
        snprintf(reason, TALLY_FINDING_BYTES, "the command was ended by signal %d: %s", result->code, said);
        break;
    case CHILD_TIMEOUT:
    case CHILD_OUTPUT:
        snprintf(reason, TALLY_FINDING_BYTES, "the command did not end within %lld s and was killed",
                 (long long)running->limit_s);
        break;
    }
    return false;
}

static enum hook_state look_at_deed(struct hook_run *running, char reason[TALLY_FINDING_BYTES])
{
    char why[COPIES_WHY_BYTES];
    int done = copies_look(running->copies, why);

    if (done < 0)
        snprintf(reason, TALLY_FINDING_BYTES, "%s", why);
    running->state = done < 0 ? HOOK_FAILED : done > 0 ? HOOK_DONE : HOOK_RUNNING;
    return running->state;
}

enum hook_state hook_look(struct hook_run *running, char reason[TALLY_FINDING_BYTES])
{
    struct err err = {.kind = ERR_NONE};
    struct child_result result;
    bool over, done;

    reason[0] = '\0';
    if (running->state != HOOK_RUNNING)
        return running->state;
    if (running->is_deed)
        return look_at_deed(running, reason);
    done = child_attend(running->child, 0, &over, &result, &err);
    if (done && !over)
        return HOOK_RUNNING;
    if (!done)
        snprintf(reason, TALLY_FINDING_BYTES, "%.200s", err.detail);
    running->state = done && was_done(running, &result, reason) ? HOOK_DONE : HOOK_FAILED;
    return running->state;
}
