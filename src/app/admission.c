#include "app/admission.h"

void admission_init(struct admission *admission, size_t most, size_t most_per_key)
{
    *admission = (struct admission){.most = most, .most_per_key = most_per_key};
}

static struct admission_entry *line_of(const struct admission *admission, const struct address_key *key)
{
    struct admission_entry *line = admission->first;

    while (line != NULL && !address_key_same(&line->key, key))
        line = line->after;
    return line;
}

static struct admission_entry *longest_line(const struct admission *admission)
{
    struct admission_entry *longest = admission->first;

    for (struct admission_entry *line = longest; line != NULL; line = line->after)
        if (line->length > longest->length)
            longest = line;
    return longest;
}

static void add_line(struct admission *admission, struct admission_entry *line)
{
    line->after = NULL;
    if (admission->last != NULL)
        admission->last->after = line;
    else
        admission->first = line;
    admission->last = line;
}

/* Replaces a line by another one, or removes it. */
static void replace_line(struct admission *admission, struct admission_entry *line, struct admission_entry *other)
{
    struct admission_entry *before = NULL;

    for (struct admission_entry *at = admission->first; at != line; at = at->after)
        before = at;
    if (other != NULL)
        other->after = line->after;
    else
        other = line->after;
    if (before != NULL)
        before->after = other;
    else
        admission->first = other;
    if (admission->last == line)
        admission->last = other != NULL ? other : before;
}

/* Makes the second entry of a line the first. NULL: there is none. */
static struct admission_entry *without_first(const struct admission_entry *line)
{
    struct admission_entry *second = line->next;

    if (second != NULL) {
        second->last = line->last;
        second->length = line->length - !line->exempt;
    }
    return second;
}

static void append(struct admission *admission, struct admission_entry *entry)
{
    struct admission_entry *line = line_of(admission, &entry->key);

    entry->next = NULL;
    admission->count++;
    admission->counted += !entry->exempt;
    if (line != NULL) {
        line->last = line->last->next = entry;
        line->length += !entry->exempt;
    } else {
        entry->last = entry;
        entry->length = !entry->exempt;
        add_line(admission, entry);
    }
}

/* The last entry of a line that counts; the line has one. */
static struct admission_entry *last_counted(struct admission_entry *line)
{
    struct admission_entry *found = NULL;

    for (struct admission_entry *at = line; at != NULL; at = at->next)
        if (!at->exempt)
            found = at;
    return found;
}

struct admission_entry *admission_put(struct admission *admission, struct admission_entry *entry)
{
    const struct admission_entry *line = line_of(admission, &entry->key);
    size_t length = line != NULL ? line->length : 0;
    struct admission_entry *refused = NULL;

    if (!entry->exempt && length >= admission->most_per_key)
        return entry;
    if (!entry->exempt && admission->counted >= admission->most) {
        struct admission_entry *longest = longest_line(admission);

        if (longest == NULL || longest->length < length + 2)
            return entry;
        refused = last_counted(longest);
        admission_leave(admission, refused);
    }
    append(admission, entry);
    return refused;
}

struct admission_entry *admission_take(struct admission *admission)
{
    struct admission_entry *taken = admission->first, *rest;

    if (taken == NULL)
        return NULL;
    rest = without_first(taken);
    replace_line(admission, taken, NULL);
    if (rest != NULL)
        add_line(admission, rest);
    admission->count--;
    admission->counted -= !taken->exempt;
    return taken;
}

void admission_leave(struct admission *admission, struct admission_entry *entry)
{
    struct admission_entry *line = line_of(admission, &entry->key), *before = line;

    admission->count--;
    admission->counted -= !entry->exempt;
    if (line == entry) {
        replace_line(admission, line, without_first(line));
        return;
    }
    while (before->next != entry)
        before = before->next;
    before->next = entry->next;
    if (line->last == entry)
        line->last = before;
    line->length -= !entry->exempt;
}
