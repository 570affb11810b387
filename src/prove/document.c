#include "prove/document.h"

#include "base/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t document_version_of(const char *etag)
{
    int64_t version;

    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    if (*etag++ != '"' || !decimal_take(&etag, &version))
        return -1;
    return strcmp(etag, "\"") == 0 ? version : -1;
}

static size_t place_of(int64_t mark)
{
    return (size_t)(mark % DOCUMENT_MARKS);
}

static int64_t member(const struct document_view *view, const char *name)
{
    return json_integer_value(json_object_get(view->body, name));
}

static int64_t mark_at(const struct document_view *view, size_t place)
{
    char name[24];

    snprintf(name, sizeof name, "mark%zu", place);
    return member(view, name);
}

static bool shows(const struct document_view *view, int64_t mark)
{
    return mark_at(view, place_of(mark)) == mark;
}

/* --- asking */

void document_change_begin(struct document_change *change, struct document *document)
{
    *change = (struct document_change){.document = document, .after_end = -1};
    if (document != NULL)
        change->seen = document->version;
}

static bool place_is_taken(const struct document_change *change, size_t place)
{
    for (size_t i = 0; i < change->document->maybe_count; i++)
        if (place_of(change->document->maybes[i]) == place)
            return true;
    for (size_t i = 0; i < change->write_count; i++)
        if (place_of(change->writes[i].mark) == place)
            return true;
    return false;
}

struct document_write *document_write_add(struct document_change *change, bool conditional)
{
    struct document *document = change->document;
    struct document_write *write = &change->writes[change->write_count];
    int64_t mark = document->first + document->written + 1;

    while (place_is_taken(change, place_of(mark)))
        mark++;
    if (change->write_count == DOCUMENT_WRITES || mark > document->first + DOCUMENT_NUMBERS)
        return NULL;
    document->written = mark - document->first;
    *write = (struct document_write){.mark = mark, .conditional = conditional};
    change->write_count++;
    return write;
}

void document_write_body(const struct document_change *change, const struct document_write *write,
                         char text[DOCUMENT_BODY_BYTES])
{
    int length =
        snprintf(text, DOCUMENT_BODY_BYTES, "{\"mark%zu\":%lld", place_of(write->mark), (long long)write->mark);

    if (write->conditional)
        snprintf(text + length, DOCUMENT_BODY_BYTES - (size_t)length, ",\"counter\":%lld}",
                 (long long)change->document->counter + 1);
    else
        snprintf(text + length, DOCUMENT_BODY_BYTES - (size_t)length, "}");
}

/* --- what answers say */

static bool being_written(const struct document_change *change, size_t place)
{
    for (size_t i = 0; i < change->write_count; i++)
        if (place_of(change->writes[i].mark) == place)
            return true;
    for (size_t i = 0; i < change->document->maybe_count; i++)
        if (place_of(change->document->maybes[i]) == place)
            return true;
    return false;
}

/* Counts the marks from before the change that the view does not show. */
static int64_t missing_before(const struct document_change *change, const struct document_view *view)
{
    int64_t missing = 0;

    for (size_t place = 0; place < DOCUMENT_MARKS; place++)
        missing += change->document->marks[place] != 0 && !being_written(change, place) &&
                   mark_at(view, place) != change->document->marks[place];
    return missing;
}

static struct document_write *done_with(struct document_change *change, const struct document_write *but,
                                        int64_t version)
{
    for (size_t i = 0; i < change->write_count; i++)
        if (&change->writes[i] != but && change->writes[i].state == WRITE_DONE && change->writes[i].version == version)
            return &change->writes[i];
    return NULL;
}

static bool another_won(const struct document_change *change, const struct document_write *write)
{
    for (size_t i = 0; write->conditional && i < change->write_count; i++)
        if (&change->writes[i] != write && change->writes[i].conditional && change->writes[i].state == WRITE_DONE)
            return true;
    return false;
}

void document_acknowledged(struct tally *tally, struct document_change *change, struct document_write *write,
                           const struct document_view *view)
{
    const struct document *document = change->document;
    int64_t missing = view->body != NULL ? missing_before(change, view) : 0;

    tally->acknowledged++;
    if (!shows(view, write->mark))
        tally_find(tally, FINDING_MIXED_UP, 1, view->account, "%s: a write was answered with what does not show it: %s",
                   view->what, view->said_by);
    else if (another_won(change, write))
        tally_find(tally, FINDING_LOST_UPDATE, 1, view->account,
                   "%s: two writers with If-Match \"%lld\" were told that they won; the second: %s", view->what,
                   (long long)document->version, view->said_by);
    else if (view->version <= document->version && missing > 0)
        tally_find(tally, FINDING_LOST_WRITE, missing, view->account,
                   "%s: after version %lld was acknowledged a write made version %lld, without %lld of the writes: %s",
                   view->what, (long long)document->version, (long long)view->version, (long long)missing,
                   view->said_by);
    else if (view->version <= document->version || done_with(change, write, view->version) != NULL)
        tally_find(tally, FINDING_LOST_UPDATE, 1, view->account,
                   "%s: two writes were acknowledged as version %lld; the second: %s", view->what,
                   (long long)view->version, view->said_by);
    else if (missing > 0)
        tally_find(tally, FINDING_LOST_UPDATE, missing, view->account,
                   "%s: %lld acknowledged writes are not in version %lld: %s", view->what, (long long)missing,
                   (long long)view->version, view->said_by);
    write->state = WRITE_DONE;
    write->version = view->version;
    if (view->version > change->seen)
        change->seen = view->version;
}

/* The writes that were acknowledged as a version that the view must include. */
static int64_t missing_done(const struct document_change *change, const struct document_view *view, int64_t up_to)
{
    int64_t missing = 0;

    for (size_t i = 0; i < change->write_count; i++)
        missing += change->writes[i].state == WRITE_DONE && change->writes[i].version <= up_to &&
                   !shows(view, change->writes[i].mark);
    return missing;
}

void document_read(struct tally *tally, struct document_change *change, const struct document_view *view,
                   int64_t at_least)
{
    int64_t missing;

    if (view->version > change->seen)
        change->seen = view->version;
    if (view->version < at_least) {
        /* Whether a write is lost or was only not shown is known when no request is under way any more. */
        if (!change->stale)
            snprintf(change->stale_text, sizeof change->stale_text,
                     "%s: version %lld was read after version %lld was acknowledged: %s", view->what,
                     (long long)view->version, (long long)at_least, view->said_by);
        change->stale = true;
        return;
    }
    missing = missing_before(change, view) + missing_done(change, view, at_least);
    if (missing > 0)
        tally_find(tally, FINDING_LOST_UPDATE, missing, view->account,
                   "%s: %lld acknowledged writes are not in version %lld: %s", view->what, (long long)missing,
                   (long long)view->version, view->said_by);
}

/* --- settling */

static void settle_maybes(struct document *document, const struct document_view *view, int64_t *done)
{
    size_t kept = 0;

    for (size_t i = 0; i < document->maybe_count; i++) {
        if (shows(view, document->maybes[i])) {
            ++*done;
            document->marks[place_of(document->maybes[i])] = document->maybes[i];
        } else {
            document->maybes[kept++] = document->maybes[i];
        }
    }
    document->maybe_count = kept;
}

static void keep_maybe(struct document *document, int64_t mark)
{
    if (document->maybe_count < DOCUMENT_MAYBES)
        document->maybes[document->maybe_count++] = mark;
    else
        document->vague = true;
}

/* Counts the writes that were done, and notes them in the document. */
static void settle_writes(struct tally *tally, struct document_change *change, const struct document_view *view,
                          int64_t *done, int64_t *won, int64_t *missing)
{
    struct document *document = change->document;

    for (size_t i = 0; i < change->write_count; i++) {
        struct document_write *write = &change->writes[i];
        bool there = shows(view, write->mark);

        if (write->state == WRITE_DONE && write->ending && change->after_end >= 0 && write->version > change->after_end)
            tally_find(tally, FINDING_ENDED_TOKEN, 1, view->account,
                       "%s: a write of an ended session made version %lld, though its end had been acknowledged when "
                       "version %lld was read",
                       view->what, (long long)write->version, (long long)change->after_end);
        if (write->state == WRITE_REFUSED && there)
            tally_find(tally, write->ending ? FINDING_ENDED_TOKEN : FINDING_DONE_REFUSED, 1, view->account,
                       "%s: a write that was refused is in version %lld: %s", view->what, (long long)view->version,
                       view->said_by);
        if (write->state == WRITE_UNKNOWN && !there)
            keep_maybe(document, write->mark);
        *missing += write->state == WRITE_DONE && !there;
        *done += write->state == WRITE_DONE || there;
        *won += write->conditional && (write->state == WRITE_DONE || there);
        if (write->state == WRITE_DONE || there)
            document->marks[place_of(write->mark)] = write->mark;
    }
}

static bool find_lost(struct tally *tally, const struct document_change *change, const struct document_view *view,
                      int64_t expected, int64_t missing)
{
    if (view->version < expected)
        tally_find(tally, FINDING_LOST_WRITE, expected - view->version, view->account,
                   "%s: it is at version %lld, and %lld was acknowledged; %lld writes are not in it: %s", view->what,
                   (long long)view->version, (long long)expected, (long long)missing, view->said_by);
    else if (missing > 0)
        tally_find(tally, FINDING_LOST_UPDATE, missing, view->account,
                   "%s: %lld acknowledged writes are not in version %lld: %s", view->what, (long long)missing,
                   (long long)view->version, view->said_by);
    else if (change->stale)
        tally_find(tally, FINDING_STALE_READ, 1, view->account, "%s", change->stale_text);
    return view->version < expected || missing > 0;
}

static void adopt(struct document *document, const struct document_view *view)
{
    for (size_t place = 0; place < DOCUMENT_MARKS; place++)
        document->marks[place] = mark_at(view, place);
    document->version = view->version;
    document->counter = member(view, "counter");
}

void document_settle(struct tally *tally, struct document_change *change, const struct document_view *view)
{
    struct document *document = change->document;
    int64_t before = missing_before(change, view), missing = 0, done = 0, won = 0, expected, counter;

    settle_maybes(document, view, &done);
    settle_writes(tally, change, view, &done, &won, &missing);
    expected = document->version + done;
    counter = document->counter + won;
    if (!find_lost(tally, change, view, expected, before + missing) && !document->vague) {
        if (view->version > expected)
            tally_find(tally, FINDING_DONE_TWICE, view->version - expected, view->account,
                       "%s: it is at version %lld, and all that was asked for makes %lld: %s", view->what,
                       (long long)view->version, (long long)expected, view->said_by);
        else if (member(view, "counter") != counter)
            tally_find(tally, FINDING_LOST_UPDATE, 1, view->account,
                       "%s: the counter is %lld, and %lld was acknowledged: %s", view->what,
                       (long long)member(view, "counter"), (long long)counter, view->said_by);
    }
    adopt(document, view);
    document_change_begin(change, document);
}
