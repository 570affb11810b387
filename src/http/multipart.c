#include "http/multipart.h"

#include "base/utf8.h"
#include "http/disposition.h"
#include "http/parameter.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/*
 * More characters than RFC 2046 allows (bchars), since clients send others: a widely copied example for Android has
 * "*****".
 */
static bool is_boundary_byte(char byte)
{
    return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
}

static bool set_boundary(struct multipart *multipart, const struct parameter *parameter, struct err *err)
{
    size_t length = parameter->value_length;

    if (length == 0 || length > MULTIPART_BOUNDARY_MAX)
        return err_set(err, ERR_INPUT, "Content-Type: the boundary must have 1 to %d characters",
                       MULTIPART_BOUNDARY_MAX);
    for (size_t i = 0; i < length; i++)
        if (!is_boundary_byte(parameter->value[i]))
            return err_set(err, ERR_INPUT, "Content-Type: a boundary can't have its character %zu", i + 1);
    if (parameter->value[length - 1] == ' ')
        return err_set(err, ERR_INPUT, "Content-Type: a boundary can't end in a space");
    memcpy(multipart->delimiter, "\r\n--", 4);
    memcpy(multipart->delimiter + 4, parameter->value, length);
    multipart->delimiter_length = 4 + length;
    return true;
}

bool multipart_init(struct multipart *multipart, const char *content_type, const struct multipart_events *events,
                    struct err *err)
{
    static const char type[] = "multipart/form-data";
    const char *at = content_type + sizeof type - 1, *end = content_type + strlen(content_type);
    struct parameter parameter, boundary = {.name = NULL};
    enum parameter_found found;

    multipart->events = *events;
    multipart->state = MULTIPART_PREAMBLE;
    multipart->at = 0;
    multipart->parts = 0;
    multipart->in_part = false;
    multipart->matched = multipart->borrowed = 2;
    if (strncasecmp(content_type, type, sizeof type - 1) != 0 || strchr("; \t", *at) == NULL)
        return err_set(err, ERR_INPUT, "Content-Type is not multipart/form-data");
    while ((found = parameter_next(&at, end, &parameter)) == PARAMETER_ONE)
        if (parameter_is(&parameter, "boundary")) {
            if (boundary.name != NULL)
                return err_set(err, ERR_INPUT, "Content-Type has two boundaries");
            boundary = parameter;
        }
    if (found == PARAMETER_BAD)
        return err_set(err, ERR_INPUT, "Content-Type can't be read from its character %td on", at - content_type + 1);
    if (boundary.name == NULL)
        return err_set(err, ERR_INPUT, "Content-Type has no boundary");
    return set_boundary(multipart, &boundary, err);
}

/* The header of a part while it is read. */
struct header {
    struct disposition disposition;
    const char *type;
};

static bool is_field(const char *line, const char *colon, const char *name)
{
    return (size_t)(colon - line) == strlen(name) && strncasecmp(line, name, strlen(name)) == 0;
}

static bool is_plain_encoding(const char *value)
{
    return strcasecmp(value, "7bit") == 0 || strcasecmp(value, "8bit") == 0 || strcasecmp(value, "binary") == 0;
}

static bool is_type(const char *value, size_t length)
{
    if (length > MULTIPART_TYPE_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((value[i] < ' ' && value[i] != '\t') || value[i] > '~')
            return false;
    return true;
}

/* Reads one line, whose CR LF may be overwritten. The error has no position yet. */
static bool read_field(char *line, char *end, struct header *header, struct err *err)
{
    char *colon = memchr(line, ':', (size_t)(end - line)), *value;
    size_t length;

    if (colon == NULL || colon == line || line[strcspn(line, " \t:")] != ':')
        return err_set(err, ERR_INPUT, "a header line is not `name: value`");
    value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    length = (size_t)(end - value);
    if (is_field(line, colon, "Content-Disposition")) {
        if (header->disposition.type != NULL)
            return err_set(err, ERR_INPUT, "a part has two Content-Dispositions");
        return disposition_read(value, length, &header->disposition, err);
    }
    if (is_field(line, colon, "Content-Type")) {
        if (header->type != NULL)
            return err_set(err, ERR_INPUT, "a part has two Content-Types");
        if (!is_type(value, length))
            return err_set(err, ERR_INPUT, "a part's Content-Type is too long or not ASCII");
        header->type = value;
    }
    /* An encoded part is refused, since its bytes would be stored as if they were the file's. */
    if (is_field(line, colon, "Content-Transfer-Encoding") && !is_plain_encoding(value))
        return err_set(err, ERR_INPUT, "a part's Content-Transfer-Encoding is not binary");
    return true;
}

static bool check_disposition(const struct disposition *disposition, struct err *err)
{
    if (disposition->type == NULL || strcasecmp(disposition->type, "form-data") != 0)
        return err_set(err, ERR_INPUT, "a part has no Content-Disposition of form-data");
    if (disposition->name == NULL || disposition->name_length == 0)
        return err_set(err, ERR_INPUT, "a part has no name");
    if (disposition->name_length > MULTIPART_NAME_MAX)
        return err_set(err, ERR_INPUT, "a part's name has more than %d bytes", MULTIPART_NAME_MAX);
    if (strlen(disposition->name) != disposition->name_length ||
        utf8_check(disposition->name, disposition->name_length) != disposition->name_length)
        return err_set(err, ERR_INPUT, "a part's name is not UTF-8 or has a NUL");
    return true;
}

/* Reads the whole header, each line with its CR LF, without the empty line. */
static bool read_header(struct multipart *multipart, struct header *header, struct err *err)
{
    char *line = multipart->header, *end = line + multipart->line_begin;

    while (line < end) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));

        if (!read_field(line, line_end - 1, header, err))
            return false;
        line = line_end + 1;
    }
    return check_disposition(&header->disposition, err);
}

/* Refuses the body for an error of its grammar, with its position. */
static bool refuse(const struct multipart *multipart, const char *what, struct err *err)
{
    return err_set(err, ERR_INPUT, "byte %" PRId64 " of the body: %s", multipart->at, what);
}

static bool begin_part(struct multipart *multipart, struct err *err)
{
    struct header header = {.type = NULL};
    struct err wrong = {.kind = ERR_NONE};
    struct multipart_part part;

    if (!read_header(multipart, &header, &wrong))
        return refuse(multipart, wrong.detail, err);
    if (multipart->parts == MULTIPART_PARTS_MAX)
        return refuse(multipart, "there are too many parts", err);
    multipart->parts++;
    multipart->in_part = true;
    multipart->state = MULTIPART_DATA;
    multipart->matched = multipart->borrowed = 2;
    part = (struct multipart_part){
        .name = header.disposition.name,
        .filename = header.disposition.filename,
        .filename_length = header.disposition.filename_length,
        .type = header.type != NULL ? header.type : "",
        .offset = multipart->at,
    };
    return multipart->events.part_begin(multipart->events.user, &part, err);
}

static bool give_data(struct multipart *multipart, const char *bytes, size_t length, struct err *err)
{
    if (multipart->state != MULTIPART_DATA || length == 0)
        return true;
    return multipart->events.part_data(multipart->events.user, bytes, length, err);
}

static void end_data(struct multipart *multipart)
{
    multipart->state = MULTIPART_LINE;
    multipart->line_byte = '\0';
    multipart->matched = multipart->borrowed = 0;
}

/*
 * Continues a delimiter that has begun. CR occurs only at its beginning, so a match that fails can't contain the
 * beginning of another: the bytes that had matched are data, and the byte that does not match is looked at again.
 */
static bool match_on(struct multipart *multipart, const char **at, const char *end, struct err *err)
{
    size_t matched = multipart->matched, borrowed = multipart->borrowed;

    while (matched < multipart->delimiter_length && *at < end && **at == multipart->delimiter[matched]) {
        matched++;
        ++*at;
        multipart->at++;
    }
    multipart->matched = matched;
    if (matched == multipart->delimiter_length) {
        end_data(multipart);
        return true;
    }
    if (*at == end)
        return true;
    multipart->matched = multipart->borrowed = 0;
    return give_data(multipart, multipart->delimiter + borrowed, matched - borrowed, err);
}

static bool is_begun(const struct multipart *multipart, const char *bytes, size_t length)
{
    return length < multipart->delimiter_length && memcmp(bytes, multipart->delimiter, length) == 0;
}

/* Takes data up to the next delimiter, or up to a last CR, which may begin one that continues in the next slice. */
static bool read_data(struct multipart *multipart, const char **at, const char *end, struct err *err)
{
    const char *from = *at, *found, *cr;
    size_t length = (size_t)(end - from), data = length, matched = 0;

    if (multipart->matched > 0)
        return match_on(multipart, at, end, err);
    found = memmem(from, length, multipart->delimiter, multipart->delimiter_length);
    if (found != NULL) {
        matched = multipart->delimiter_length;
        data = (size_t)(found - from);
    } else if ((cr = memrchr(from, '\r', length)) != NULL && is_begun(multipart, cr, (size_t)(end - cr))) {
        matched = (size_t)(end - cr);
        data = (size_t)(cr - from);
    }
    *at = from + data + matched;
    multipart->at += (int64_t)(data + matched);
    if (!give_data(multipart, from, data, err))
        return false;
    multipart->matched = matched;
    if (found != NULL)
        end_data(multipart);
    return true;
}

static bool end_part(struct multipart *multipart, struct err *err)
{
    if (!multipart->in_part)
        return true;
    multipart->in_part = false;
    return multipart->events.part_end(multipart->events.user, err);
}

/* Reads the rest of the boundary's line: "--", or spaces that transport added, and CR LF. */
static bool read_line(struct multipart *multipart, const char **at, struct err *err)
{
    char byte = *(*at)++, before = multipart->line_byte;

    multipart->at++;
    multipart->line_byte = byte;
    if (before == '\0' && byte == '-')
        return true;
    if (before == '-' && byte == '-') {
        multipart->state = MULTIPART_EPILOGUE;
        return end_part(multipart, err);
    }
    if (before == '\r' && byte == '\n') {
        multipart->state = MULTIPART_HEADER;
        multipart->header_length = multipart->line_begin = 0;
        return end_part(multipart, err);
    }
    if (before != '-' && before != '\r' && (byte == ' ' || byte == '\t' || byte == '\r'))
        return true;
    return refuse(multipart, "the boundary is followed by something else", err);
}

static bool end_header_line(struct multipart *multipart, struct err *err)
{
    const char *line = multipart->header + multipart->line_begin;
    size_t length = multipart->header_length - multipart->line_begin;

    if (length < 2 || memchr(line, '\r', length) != line + length - 2)
        return refuse(multipart, "a header line does not end in CR LF", err);
    if (length == 2)
        return begin_part(multipart, err);
    multipart->line_begin = multipart->header_length;
    return true;
}

static bool read_header_bytes(struct multipart *multipart, const char **at, const char *end, struct err *err)
{
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    size_t length = (size_t)((line_end != NULL ? line_end + 1 : end) - *at);
    size_t room = MULTIPART_HEADER_MAX - multipart->header_length;

    if (length > room) {
        multipart->at += (int64_t)room + 1;
        return refuse(multipart, "the header of a part is too long", err);
    }
    memcpy(multipart->header + multipart->header_length, *at, length);
    multipart->header_length += length;
    multipart->at += (int64_t)length;
    *at += length;
    return line_end == NULL || end_header_line(multipart, err);
}

static bool read_some(struct multipart *multipart, const char **at, const char *end, struct err *err)
{
    switch (multipart->state) {
    case MULTIPART_PREAMBLE:
    case MULTIPART_DATA:
        return read_data(multipart, at, end, err);
    case MULTIPART_LINE:
        return read_line(multipart, at, err);
    case MULTIPART_HEADER:
        return read_header_bytes(multipart, at, end, err);
    case MULTIPART_EPILOGUE:
        multipart->at += end - *at;
        *at = end;
        return true;
    case MULTIPART_BROKEN:
        break;
    }
    return err_set(err, ERR_INPUT, "the body was refused before");
}

bool multipart_feed(struct multipart *multipart, const void *bytes, size_t length, struct err *err)
{
    const char *at = bytes, *end = at + length;

    while (at < end)
        if (!read_some(multipart, &at, end, err)) {
            multipart->state = MULTIPART_BROKEN;
            return false;
        }
    return true;
}

bool multipart_finish(const struct multipart *multipart, struct err *err)
{
    if (multipart->state == MULTIPART_EPILOGUE)
        return true;
    if (multipart->state == MULTIPART_BROKEN)
        return err_set(err, ERR_INPUT, "the body was refused before");
    return err_set(err, ERR_INPUT, "the body ends after %" PRId64 " bytes without its closing boundary", multipart->at);
}
