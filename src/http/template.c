#include "http/template.h"

#include <string.h>

enum tag_kind {
    TAG_NONE, /* the text ends here */
    TAG_VALUE,
    TAG_SECTION,
    TAG_INVERTED,
    TAG_CLOSE,
    TAG_PARTIAL,
    TAG_COMMENT,
};

struct tag {
    enum tag_kind kind;
    const char *open;  /* its first brace */
    const char *after; /* what follows its last brace */
    const char *name;  /* not terminated */
    size_t length;
};

/* The values in which names are looked up, the innermost first. */
struct scope {
    const json_t *value;
    const struct scope *outer;
};

struct renderer {
    const struct template_set *set;
    const char *page; /* for messages */
    struct buf *out;
    struct err *err;
    int depth;
};

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";

static bool wrong(struct renderer *r, const struct tag *tag, const char *what)
{
    int length = tag->length < 40 ? (int)tag->length : 40;

    return err_set(r->err, ERR_BUG, "page %s: {{%.*s}}: %s", r->page, length, tag->name, what);
}

static bool full(struct renderer *r)
{
    return err_set(r->err, ERR_BUG, "page %s: longer than %zu bytes, or out of memory", r->page, r->out->max_bytes);
}

static bool add(struct renderer *r, const char *bytes, size_t length)
{
    return buf_add(r->out, bytes, length) || full(r);
}

static const char *entity_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Copies whole runs; only a special byte interrupts one. */
static bool add_escaped(struct renderer *r, const char *text, size_t length)
{
    size_t run = 0;

    for (size_t i = 0; i < length; i++) {
        const char *entity = entity_of(text[i]);

        if (entity == NULL)
            continue;
        if (!add(r, text + run, i - run) || !add(r, entity, strlen(entity)))
            return false;
        run = i + 1;
    }
    return add(r, text + run, length - run);
}

/* Lists, objects, true and fractions have no single text form for a page, so they show as nothing. */
static bool add_value(struct renderer *r, const json_t *value)
{
    if (json_is_string(value))
        return add_escaped(r, json_string_value(value), json_string_length(value));
    if (json_is_integer(value))
        return buf_printf(r->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) || full(r);
    return true;
}

static bool is_empty(const json_t *value)
{
    switch (value != NULL ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    default:
        return false;
    }
}

/* The first part of a name may be found in any scope, the rest only in what was found. */
static const json_t *find(const struct scope *scope, const struct tag *tag)
{
    const char *name = tag->name, *end = name + tag->length;
    const char *dot = memchr(name, '.', tag->length);
    size_t length = (size_t)((dot != NULL ? dot : end) - name);
    const json_t *value = NULL;

    if (tag->length == 1 && dot != NULL)
        return scope->value;
    for (; scope != NULL && value == NULL; scope = scope->outer)
        value = json_object_getn(scope->value, name, length);
    while (value != NULL && name + length < end) {
        name += length + 1;
        dot = memchr(name, '.', (size_t)(end - name));
        length = (size_t)((dot != NULL ? dot : end) - name);
        value = json_object_getn(value, name, length);
    }
    return value;
}

static enum tag_kind kind_of(char sigil)
{
    switch (sigil) {
    case '#':
        return TAG_SECTION;
    case '^':
        return TAG_INVERTED;
    case '/':
        return TAG_CLOSE;
    case '>':
        return TAG_PARTIAL;
    case '!':
        return TAG_COMMENT;
    default:
        return TAG_VALUE;
    }
}

/* The next tag at or behind `at`; TAG_NONE at the end of the text. */
static bool next_tag(struct renderer *r, const char *at, struct tag *tag)
{
    const char *close;

    tag->kind = TAG_NONE;
    tag->open = strstr(at, "{{");
    if (tag->open == NULL) {
        tag->open = tag->after = at + strlen(at);
        return true;
    }
    tag->name = tag->open + 2;
    close = strstr(tag->name, "}}");
    tag->length = close != NULL ? (size_t)(close - tag->name) : strcspn(tag->name, "\n");
    if (close == NULL)
        return wrong(r, tag, "the tag does not end");
    tag->after = close + 2;
    tag->kind = kind_of(*tag->name);
    if (tag->kind == TAG_COMMENT)
        return true;
    if (tag->kind != TAG_VALUE)
        tag->name++;
    tag->name += strspn(tag->name, " ");
    tag->length = strspn(tag->name, name_bytes);
    if (tag->length > 0 && tag->name + tag->length + strspn(tag->name + tag->length, " ") == close)
        return true;
    tag->length = (size_t)(close - tag->name);
    return wrong(r, tag, "not a name");
}

static bool closes(const struct tag *section, const struct tag *tag)
{
    return section != NULL && section->length == tag->length && memcmp(section->name, tag->name, tag->length) == 0;
}

static bool render_tag(struct renderer *, const char **at, const struct tag *, const struct scope *);

/*
 * Renders up to the end of a section, or of the text when section is NULL, and leaves *at after it. Without a scope
 * nothing is rendered: it only finds the end.
 */
static bool render_until(struct renderer *r, const char **at, const struct tag *section, const struct scope *scope)
{
    struct tag tag;

    while (next_tag(r, *at, &tag)) {
        if (scope != NULL && !add(r, *at, (size_t)(tag.open - *at)))
            return false;
        *at = tag.after;
        if (tag.kind == TAG_NONE)
            return section == NULL || wrong(r, section, "the section is not closed");
        if (tag.kind == TAG_CLOSE)
            return closes(section, &tag) || wrong(r, &tag, "closes what is not open");
        if (!render_tag(r, at, &tag, scope))
            return false;
    }
    return false;
}

/* Renders the content of a section or a partial. */
static bool render_inside(struct renderer *r, const char **at, const struct tag *tag, const struct scope *scope)
{
    bool ok;

    if (r->depth == TEMPLATE_MAX_DEPTH)
        return wrong(r, tag, "nested too deeply");
    r->depth++;
    ok = render_until(r, at, tag->kind != TAG_PARTIAL ? tag : NULL, scope);
    r->depth--;
    return ok;
}

static bool render_section(struct renderer *r, const char **at, const struct tag *tag, const struct scope *scope)
{
    const json_t *value = scope != NULL ? find(scope, tag) : NULL;
    bool shown = scope != NULL && is_empty(value) == (tag->kind == TAG_INVERTED);
    struct scope inner = {value, scope};
    const char *start = *at;

    if (!shown)
        return render_inside(r, at, tag, NULL);
    if (tag->kind == TAG_INVERTED)
        return render_inside(r, at, tag, scope);
    if (!json_is_array(value))
        return render_inside(r, at, tag, &inner);
    for (size_t i = 0; i < json_array_size(value); i++) {
        inner.value = json_array_get(value, i);
        *at = start;
        if (!render_inside(r, at, tag, &inner))
            return false;
    }
    return true;
}

static const char *text_of(const struct template_set *set, const char *name, size_t length)
{
    for (size_t i = 0; i < set->count; i++)
        if (strncmp(set->pages[i].name, name, length) == 0 && set->pages[i].name[length] == '\0')
            return set->pages[i].text;
    return NULL;
}

static bool render_partial(struct renderer *r, const struct tag *tag, const struct scope *scope)
{
    const char *text = text_of(r->set, tag->name, tag->length);

    return text != NULL ? render_inside(r, &text, tag, scope) : wrong(r, tag, "there is no such page");
}

static bool render_tag(struct renderer *r, const char **at, const struct tag *tag, const struct scope *scope)
{
    switch (tag->kind) {
    case TAG_SECTION:
    case TAG_INVERTED:
        return render_section(r, at, tag, scope);
    case TAG_PARTIAL:
        return scope == NULL || render_partial(r, tag, scope);
    case TAG_VALUE:
        return scope == NULL || add_value(r, find(scope, tag));
    default:
        return true;
    }
}

bool template_render(const struct template_set *set, const char *name, const json_t *values, struct buf *out,
                     struct err *err)
{
    struct renderer r = {.set = set, .page = name, .out = out, .err = err};
    const struct tag page = {.kind = TAG_PARTIAL, .name = name, .length = strlen(name)};
    const struct scope scope = {values, NULL};

    return render_partial(&r, &page, &scope);
}
