#include "bin/prove_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number in "N"; -1 for anything else. */
static int64_t version_of(const char *etag)
{
    char *end;
    int64_t version;

    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    if (etag[0] != '"')
        return -1;
    version = strtoll(etag + 1, &end, 10);
    return end != etag + 1 && strcmp(end, "\"") == 0 ? version : -1;
}

static int64_t member(const json_t *body, const char *name)
{
    return json_integer_value(json_object_get(body, name));
}

static void step_name(int64_t step, char name[16])
{
    snprintf(name, 16, "step%d", (int)(step % LEDGER_STEPS));
}

/* Those of the last writes that can't be seen in the document. */
static int64_t missing_steps(const struct ledger_document *document, const json_t *body)
{
    int64_t first = document->counter - LEDGER_STEPS + 1, missing = 0;
    char name[16];

    if (first <= document->base)
        first = document->base + 1;
    for (int64_t step = first; step <= document->counter; step++) {
        step_name(step, name);
        missing += member(body, name) != step;
    }
    return missing;
}

void ledger_compare(struct tally *tally, struct ledger_document *document, const char *owner, const char *what,
                    const struct prove_answer *answer, json_t *body)
{
    int64_t counter = member(body, "counter"), version = version_of(answer->etag), missing;
    bool sound = false;

    if (document->unknown && counter == document->counter + 1) {
        document->counter++;
        document->version++;
        tally->acknowledged++;
    }
    document->unknown = false;
    missing = counter == document->counter ? missing_steps(document, body) : 0;
    if (counter < document->counter)
        tally_find(tally, FINDING_LOST, document->counter - counter,
                   "%s's %s: %lld writes; it is at %lld, acknowledged: %lld", owner, what,
                   (long long)(document->counter - counter), (long long)counter, (long long)document->counter);
    else if (counter > document->counter)
        tally_find(tally, FINDING_DOUBLED, counter - document->counter,
                   "%s's %s: it is at %lld, acknowledged and asked for: %lld", owner, what, (long long)counter,
                   (long long)document->counter);
    else if (missing > 0)
        tally_find(tally, FINDING_LOST, missing, "%s's %s: %lld of the last writes are not in it", owner, what,
                   (long long)missing);
    else if (version > document->version)
        tally_find(tally, FINDING_DOUBLED, version - document->version,
                   "%s's %s: version %lld after the acknowledged version %lld", owner, what, (long long)version,
                   (long long)document->version);
    else if (version < document->version)
        tally_find(tally, FINDING_LOST, 1, "%s's %s: version %lld, acknowledged: %lld", owner, what, (long long)version,
                   (long long)document->version);
    else
        sound = true;
    document->counter = counter;
    document->version = version;
    if (!sound)
        document->base = counter;
}

void ledger_next_write(const struct ledger_document *document, char *text, size_t size)
{
    char name[16];
    int64_t step = document->counter + 1;

    step_name(step, name);
    snprintf(text, size, "{\"counter\":%lld,\"%s\":%lld}", (long long)step, name, (long long)step);
}

void ledger_session_remove(struct ledger_user *user, size_t at)
{
    user->session_count--;
    memmove(&user->sessions[at], &user->sessions[at + 1], (user->session_count - at) * sizeof user->sessions[0]);
}

void ledger_session_lost(struct tally *tally, struct ledger_user *user, size_t at, const char *answer)
{
    tally_find(tally, FINDING_LOST, 1, "%s's session, with %lld writes: %.100s", user->name,
               (long long)user->sessions[at].data.counter, answer);
    ledger_session_remove(user, at);
    /* It may be accepted by others still, and listed. */
    user->sessions_unknown++;
}

void ledger_file_lost(struct tally *tally, struct ledger_user *user, size_t at, const char *why)
{
    tally_find(tally, FINDING_LOST, 1, "%s's file %s of %zu bytes: %.100s", user->name, user->files[at].id,
               user->files[at].size, why);
    user->file_count--;
    memmove(&user->files[at], &user->files[at + 1], (user->file_count - at) * sizeof user->files[0]);
    user->files_unknown++;
}

void ledger_count(struct tally *tally, const struct ledger_user *user, const char *name, const json_t *body,
                  size_t known, int64_t unknown)
{
    int64_t there = (int64_t)json_array_size(json_object_get(body, name));

    if (there > (int64_t)known + unknown)
        tally_find(tally, FINDING_DOUBLED, there - (int64_t)known - unknown,
                   "%s: %lld %s are listed, acknowledged: %zu", user->name, (long long)there, name, known);
    else if (there < (int64_t)known)
        tally_find(tally, FINDING_LOST, (int64_t)known - there, "%s: %lld %s are listed, acknowledged: %zu", user->name,
                   (long long)there, name, known);
}
